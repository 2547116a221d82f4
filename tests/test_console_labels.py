"""Every label that the console shows is marked for translation, and commands keep the English names of models."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.test import RequestFactory
from django.utils.functional import Promise
from django.utils.translation import override

from sessions_core.labels import english_plural
from sessions_core.models.dashboards import Dashboard
from tests.embedded import embedded
from user_sessions.models import SigningKey, Status, UserSession

pytestmark = embedded

APPS = ("sessions_core", "client_sessions", "client_sessions_devices", "user_sessions")

# The same in every language.
UNTRANSLATED = {"id", "url"}


def ours() -> list[Any]:
    pages = [of for model, of in admin.site._registry.items() if model._meta.app_label in APPS]
    return [of for of in pages if of.model is not Dashboard]  # its rows are on no page


def requested() -> Any:
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_staff=True, is_superuser=True, is_active=True)
    return request


def label(page: Any, name: str) -> Any:
    if name in page.form.declared_fields:
        return page.form.declared_fields[name].label
    if method := getattr(page, name, None):
        return method.short_description
    try:
        return page.opts.get_field(name).verbose_name
    except FieldDoesNotExist:
        return None


def shown(page: Any) -> set[str]:
    names = {*flatten_fieldsets(page.get_fieldsets(requested())), *getattr(page, "list_display", ())}
    return names - UNTRANSLATED


@pytest.mark.parametrize("page", ours(), ids=lambda page: page.opts.label)
class TestConsolePage:
    def test_every_label_is_marked(self, page):
        for each in (page, *page.get_inline_instances(requested())):
            assert [name for name in sorted(shown(each)) if not isinstance(label(each, name), Promise)] == []

    def test_the_names_of_the_models_are_marked(self, page):
        for each in (page, *page.get_inline_instances(requested())):
            assert isinstance(each.opts.verbose_name, Promise)
            assert isinstance(each.opts.verbose_name_plural, Promise)

    def test_every_action_and_filter_is_marked(self, page):
        titles = [item.title for item in page.list_filter if isinstance(item, type)]
        actions = [getattr(page, name).short_description for name in page.actions or ()]
        assert [text for text in titles + actions if not isinstance(text, Promise)] == []


@pytest.mark.django_db
def test_a_status_is_shown_in_the_language_of_the_operator():
    (page,) = (page for page in ours() if page.model is UserSession)
    status = page.list_filter[0]
    with override("de"):
        assert ("revoked", "Widerrufen") in status(requested(), {}, UserSession, page).lookup_choices
    assert str(Status.REVOKED) == "revoked"


def test_commands_and_checks_name_models_in_english():
    with override("de"):
        assert str(SigningKey._meta.verbose_name_plural) == "Signaturschlüssel"
        assert english_plural(SigningKey) == "signing keys"
