"""System checks of client sessions. None needs the database."""

from collections.abc import Iterable, Iterator

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist
from django.db import router

from client_sessions import resources
from client_sessions.conf import settings
from client_sessions.models import Grant
from client_sessions.resources import ResourceType
from sessions_core.checks import check_rates, check_retention, unknown_keys
from sessions_core.host_models import key_problem, manager_problem
from sessions_core.models import Workspace


@register(Tags.security)
def check_settings(**_: object) -> Iterable[CheckMessage]:
    return [
        *unknown_keys(settings, id="client_sessions.E001"),
        *check_rates(settings, id="client_sessions.E002"),
        *check_retention(settings, id="client_sessions.E006"),
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
    """Warn if the caller can choose the host of links in responses."""
    if "URL" not in settings.given:
        yield Warning(
            "Links in responses, such as the url of a Connect Webview, use the Host header of the request.",
            hint='Set CLIENT_SESSIONS["URL"] to the origin of this server, such as https://sessions.example.com.',
            id="client_sessions.W001",
        )


@register(Tags.models)
def check_resource_types(**_: object) -> Iterable[CheckMessage]:
    """Check the model, key, workspace and relations of each registered resource type."""
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
            f"rows are in the database {model!r} and grants in {grants!r}. A query cannot join two databases: "
            "make the router use one database for both."
        )
    if resource_type.workspace is not None:
        try:
            if resources.related_model_of(resource_type.model, resource_type.workspace, to_one=True) is not Workspace:
                yield f"workspace: {resource_type.workspace!r} does not lead to a workspace."
        except FieldDoesNotExist as reason:
            yield f"workspace: {reason}. Use workspace=None in a project with one workspace."
    for relation in resource_type.through:
        try:
            if _leads_back(resource_type.related(relation), to=resource_type):
                yield f"through: {relation!r} leads back to this type."
        except (FieldDoesNotExist, LookupError) as reason:
            yield f"through: {reason.args[0]}."


def _columns(resource_type: ResourceType) -> set[str]:
    return {field.name for field in resource_type.model._meta.concrete_fields}


def _leads_back(start: ResourceType, *, to: ResourceType) -> bool:
    seen: set[str] = set()
    queue = [start]
    while queue:
        here = queue.pop()
        if here is to:
            return True
        if here.name not in seen:
            seen.add(here.name)
            queue += [here.related(relation) for relation in here.through]
    return False
