"""Every name shared with a host project begins with our app label, so that it cannot collide."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.management import find_commands, get_commands
from django.db.models import ForeignObjectRel, Model
from django.urls import URLResolver, get_resolver

from tests.embedded import embedded

pytestmark = embedded

OURS = {"sessions_core", "client_sessions", "client_sessions_devices", "user_sessions"}
APPS = [app for app in apps.get_app_configs() if app.name.partition(".")[0] in OURS]
MODELS = [model for app in APPS for model in app.get_models(include_auto_created=True)]


def label_of(thing: Any) -> str:
    return str(thing.label)


def test_an_app_is_labelled_by_its_whole_path():
    assert {app.label: app.name.replace(".", "_") for app in APPS} == {label: label for label in OURS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_tables_indexes_and_constraints_begin_with_the_label(model):
    label, meta = model._meta.app_label, model._meta
    named = [meta.db_table, *(each.name for each in (*meta.indexes, *meta.constraints))]
    assert [name for name in named if not name.startswith(f"{label}_")] == []


def test_no_index_has_the_name_of_a_table():
    tables = {model._meta.db_table for model in MODELS}  # databases have one namespace for both
    assert tables & {index.name for model in MODELS for index in model._meta.indexes} == set()


def from_elsewhere(model: type[Model]) -> Iterator[ForeignObjectRel]:
    """Yield the relations from this model to a model of another app."""
    for field in (*model._meta.fields, *model._meta.many_to_many):
        if field.remote_field and field.related_model._meta.app_label != model._meta.app_label:
            yield field.remote_field


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_reverse_accessors_on_other_models_begin_with_the_label(model):
    label = model._meta.app_label
    named = [each.get_accessor_name() for each in from_elsewhere(model) if not each.hidden]
    assert [name for name in named if name != label and not name.startswith(f"{label}_")] == []


def test_the_host_user_model_gets_no_reverse_accessor():
    related = {each.related_model for each in get_user_model()._meta.related_objects}
    assert related & set(MODELS) == set()


@pytest.mark.parametrize("app", APPS, ids=label_of)
def test_templates_and_static_files_are_in_a_folder_of_the_label(app: AppConfig):
    for kind in ("templates", "static"):
        folder = Path(app.path) / kind
        assert {each.name for each in folder.iterdir()} <= {app.label} if folder.exists() else True


def namespaces(resolver: URLResolver) -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            module = getattr(entry.urlconf_name, "__name__", "")
            if module.partition(".")[0] in OURS:
                yield module, str(entry.app_name)
            yield from namespaces(entry)


def test_namespaces_of_urls_begin_with_the_label():
    labels = {app.name: app.label for app in APPS}
    for module, namespace in namespaces(get_resolver()):
        of = max((name for name in labels if module.startswith(f"{name}.")), key=len)
        assert namespace == labels[of] or namespace.startswith(f"{labels[of]}_"), module


def test_no_command_has_the_name_of_a_django_or_package_command():
    ours = {name for app in APPS for name in find_commands(str(Path(app.path) / "management"))}
    theirs = set(get_commands()) - {name for name, app in get_commands().items() if app in {each.name for each in APPS}}
    packages = ["allauth", "allauth.account", "axes", "corsheaders", "debug_toolbar", "django_otp", "rest_framework"]
    for package in packages:
        theirs |= set(find_commands(str(Path(__import__(package, fromlist=["_"]).__file__).parent / "management")))
    assert ours & theirs == set()
