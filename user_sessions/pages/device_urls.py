"""The page "Your devices": ``path("devices/", include("user_sessions.pages.device_urls"))``."""

from django.urls import path

from user_sessions.pages.device_views import (
    DevicesView,
    RenameView,
    RevokePassView,
    SignOutOthersView,
    SignOutView,
)
from user_sessions.pages.not_me_views import NotMeView

app_name = "user_sessions_devices"
urlpatterns = [
    path("", DevicesView.as_view(), name="list"),
    path("not-me/<str:token>/", NotMeView.as_view(), name="not_me"),
    path("sign-out-others/", SignOutOthersView.as_view(), name="sign_out_others"),
    path("<str:session_id>/sign-out/", SignOutView.as_view(), name="sign_out"),
    path("<str:session_id>/rename/", RenameView.as_view(), name="rename"),
    path("passes/<str:kind>/<str:pass_id>/revoke/", RevokePassView.as_view(), name="revoke_pass"),
]
