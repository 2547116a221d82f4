"""System checks of client sessions. Each has a number; none needs the database."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.urls import URLResolver, get_resolver
from rest_framework.permissions import OperandHolder, SingleOperandHolder

from client_sessions import resources
from client_sessions.authentication import ClientSessionAuthentication
from client_sessions.conf import settings
from client_sessions.filters import GrantedFilterBackend
from client_sessions.models import Grant
from client_sessions.permissions import HasClientSession, HasCredential
from client_sessions.resources import ResourceType
from sessions_core.checks import check_rates, unknown_keys
from sessions_core.host_models import key_problem, manager_problem
from sessions_core.models import Workspace


@register(Tags.security)
def check_settings(**_: object) -> Iterable[CheckMessage]:
    return [
        *unknown_keys(settings, id="client_sessions.E001"),
        *check_rates(settings, id="client_sessions.E002"),
        *_check_url(),
    ]


def _check_url() -> list[CheckMessage]:
    if settings.given.get("URL") == settings.url:
        return []
    return [
        Error(
            "CLIENT_SESSIONS['URL'] must be an origin such as https://sessions.example.com, without a path.",
            id="client_sessions.E005",
        )
    ]


@register(Tags.security, deploy=True)
def check_links(**_: object) -> Iterable[CheckMessage]:
    """Whether links in answers have a host that no caller chooses."""
    if "URL" not in settings.given:
        yield Warning(
            "Links in answers, such as the url of a Connect Webview, follow the Host header of the request.",
            hint='Set CLIENT_SESSIONS["URL"] to the origin of this server, such as https://sessions.example.com.',
            id="client_sessions.W001",
        )


@register(Tags.models)
def check_resource_types(**_: object) -> Iterable[CheckMessage]:
    """Every path of a registered type exists and leads where it must."""
    for resource_type in resources.registered():
        for problem in _problems(resource_type):
            yield Error(f"The resource type {resource_type.name!r}: {problem}", id="client_sessions.E003")


def _problems(resource_type: ResourceType) -> Iterator[str]:
    if resource_type.key != "pk" and resource_type.key not in _columns(resource_type):
        yield f"key: {resource_type.model.__name__} has no field named {resource_type.key!r}."
    elif problem := key_problem(resource_type.key_field):
        yield f"key: {problem}."
    if problem := manager_problem(resource_type.model):
        yield f"{problem}."
    model, grants = router.db_for_write(resource_type.model), router.db_for_write(Grant)
    if model != grants:
        yield (
            f"its rows are in the database {model!r} and grants in {grants!r}. No query joins two databases: "
            "have the router keep them in one."
        )
    if resource_type.workspace is not None:
        try:
            if resources.destination(resource_type.model, resource_type.workspace, to_one=True) is not Workspace:
                yield f"workspace: {resource_type.workspace!r} does not lead to a workspace."
        except FieldDoesNotExist as reason:
            yield f"workspace: {reason}. A project with one workspace says workspace=None."
    for relation in resource_type.through:
        try:
            if _leads_back(resource_type.related(relation), to=resource_type):
                yield f"through: {relation!r} leads back to where it began."
        except (FieldDoesNotExist, LookupError) as reason:
            yield f"through: {reason.args[0]}."


def _columns(resource_type: ResourceType) -> set[str]:
    return {field.name for field in resource_type.model._meta.concrete_fields}


def _leads_back(start: ResourceType, *, to: ResourceType) -> bool:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here is to:
            return True
        if here.name not in seen:
            seen.add(here.name)
            ahead += [here.related(relation) for relation in here.through]
    return False


@register(Tags.urls)
def check_guarded_views(**_: object) -> Iterable[CheckMessage]:
    """A view that narrows to a client session, or asks for one, must be able to recognise one."""
    for path, view, options in _rest_views(get_resolver()):

        def has(option: str, *wanted: type, view: Any = view, options: Any = options) -> bool:
            parts = options.get(option, getattr(view, option, ()))
            return any(issubclass(part, wanted) for part in _classes(parts))

        is_guarded = has("permission_classes", HasClientSession, HasCredential) or has(
            "filter_backends", GrantedFilterBackend
        )
        if is_guarded and not has("authentication_classes", ClientSessionAuthentication):
            yield Error(
                f"{view.__module__}.{view.__qualname__} at {path!r} is guarded by client sessions, which none of its "
                "authentication_classes knows.",
                hint="Add client_sessions.authentication.ClientSessionAuthentication.",
                id="client_sessions.E004",
            )


def _classes(parts: Iterable[Any]) -> Iterator[type]:
    """The classes that an option lists, those joined by ``&``, ``|`` and ``~`` too."""
    for part in parts:
        if isinstance(part, type):
            yield part
        elif isinstance(part, OperandHolder):
            yield from _classes([part.op1_class, part.op2_class])
        elif isinstance(part, SingleOperandHolder):
            yield from _classes([part.op1_class])


def _rest_views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every view of the REST framework in the project: its path, its class, and what ``as_view`` was told."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _rest_views(entry, path)
        elif view := getattr(entry.callback, "cls", None):
            yield path, view, getattr(entry.callback, "initkwargs", {})
