"""The system check of guarded views lists those that do not state their freshness."""

from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.checks import CheckMessage
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response

from tests.embedded import embedded
from tests.user_sessions import signed_in_views
from user_sessions.authentication import SessionTokenAuthentication
from user_sessions.decorators import session_required
from user_sessions.view_checks import check_freshness

pytestmark = embedded


def found(settings: Any, *patterns: Any) -> list[CheckMessage]:
    settings.ROOT_URLCONF = urls = ModuleType("urls")
    urls.urlpatterns = list(patterns)  # type: ignore[attr-defined]
    return list(check_freshness())


class StrictTokens(SessionTokenAuthentication):
    session_freshness = "strict"


def function_view(authentication: type[SessionTokenAuthentication]) -> Any:
    @api_view(["GET"])
    @authentication_classes([authentication])
    def view(request: Any) -> Response:
        return Response()

    return view


def class_view(**stated: Any) -> Any:
    @method_decorator(session_required(**stated), name="dispatch")
    class Page(View):
        pass

    return Page.as_view()


def test_a_view_that_states_no_freshness_is_listed(settings):
    listed = found(settings, path("api/", include(signed_in_views.unstated_patterns)))
    assert {message.id for message in listed} == {"user_sessions.W040"}
    assert [message.msg.partition(" accepts")[0] for message in listed] == [
        "tests.user_sessions.signed_in_views.unstated at 'api/plain'",
        "tests.user_sessions.signed_in_views.unstated_later at 'api/later'",
        "tests.user_sessions.signed_in_views.Rest at 'api/rest'",
    ]


def test_a_view_that_states_its_freshness_and_a_view_without_a_guard_are_not(settings):
    assert found(settings, path("", include(signed_in_views.urlpatterns))) == []
    assert found(settings, path("", include("user_sessions.urls"))) == []


def test_a_freshness_of_the_authentication_class_counts(settings):
    assert found(settings, path("", function_view(StrictTokens))) == []
    assert len(found(settings, path("", function_view(SessionTokenAuthentication)))) == 1


def test_a_decorated_class_is_listed_too_and_a_further_decorator_hides_nothing(settings):
    assert found(settings, path("", class_view(freshness="cached"))) == []
    assert len(found(settings, path("", class_view()), path("", login_not_required(class_view())))) == 2


def test_a_decorated_method_of_a_class_is_listed_too(settings):
    class Page(View):
        @method_decorator(session_required(freshness="strict"))
        def get(self, request: Any) -> Any: ...

        @method_decorator(session_required)
        def post(self, request: Any) -> Any: ...

    class Stated(Page):
        post = Page.get

    assert len(found(settings, path("", Page.as_view()))) == 1
    assert found(settings, path("", Stated.as_view())) == []


def test_an_unknown_freshness_is_an_error(settings):
    (message,) = found(settings, path("", signed_in_views.Rest.as_view(session_freshness="now")))
    assert (message.id, "'now'" in message.msg) == ("user_sessions.E040", True)


def test_a_decorator_refuses_an_unknown_freshness_at_once():
    with pytest.raises(ValueError, match="'now' is not a valid Freshness"):
        session_required(freshness="now")


def test_a_project_without_urls_has_nothing_to_list(settings):
    settings.ROOT_URLCONF = None
    assert list(check_freshness()) == []
