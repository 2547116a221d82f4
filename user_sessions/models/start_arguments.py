"""What ``UserSession.objects.start`` takes: its arguments are checked and brought into the form that a row stores."""

from collections.abc import Collection, Mapping
from typing import Any

from sessions_core.arguments import require_instance, require_user
from sessions_core.models import Workspace
from sessions_core.texts import text
from user_sessions.models.clients import Client
from user_sessions.models.json_text import require_impersonator

__all__ = ["method_names", "require_arguments", "task_name", "task_names"]

# Characters
LONGEST_TASK = 200
LONGEST_METHOD = 40


def require_arguments(
    workspace: Workspace, user: Any, client: Client | None, impersonator: dict[str, Any] | None
) -> None:
    """Raise TypeError or ValueError for an argument of ``start`` that is not what it must be."""
    require_instance(workspace, Workspace, name="workspace")
    require_user(user)
    if client is not None:
        require_instance(client, Client, name="client")
    if impersonator is not None:
        require_impersonator(impersonator)


def task_names(tasks: Collection[str]) -> list[str]:
    given: object = tasks
    if not isinstance(given, Collection) or isinstance(given, str | bytes | Mapping):
        raise ValueError("tasks must be a list of names.")
    return [task_name(task) for task in tasks]


def task_name(task: str) -> str:
    """Return the name of a task that the user must complete. Raise ValueError."""
    return text(task, name="task", longest=LONGEST_TASK, shortest=1)


def method_names(amr: Collection[str]) -> list[str]:
    given: object = amr
    if not isinstance(given, Collection) or isinstance(given, str | bytes | Mapping):
        raise ValueError("amr must be a list of authentication methods.")
    return [text(method, name="authentication method", longest=LONGEST_METHOD, shortest=1) for method in amr]
