from django.urls import include, path
from rest_framework.routers import SimpleRouter

from building import views

router = SimpleRouter(trailing_slash=False)
router.register("cameras", views.Cameras)
router.register("doors", views.Doors)
router.register("locks", views.Locks)

urlpatterns = [path("", views.page), path("api/", include(router.urls))]
