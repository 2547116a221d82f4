"""Arguments of commands about the personal data of one user."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from sessions_core.management.databases import ready_database
from sessions_core.management.users import user_named
from sessions_core.management.workspaces import workspace_named
from sessions_core.user_keys import PREFIX, key_in_id

__all__ = ["add_person", "person_in"]


def add_person(parser: ArgumentParser) -> None:
    """Add the arguments that ``person_in`` reads."""
    parser.add_argument("user", help="the id of a user, such as user_7, or a user name")
    parser.add_argument(
        "--key",
        dest="keys",
        action="append",
        default=[],
        help="a user_identifier_key of the user's client sessions; repeat it for each key",
    )
    parser.add_argument("--workspace", help="the workspace of these keys, if several use them: its id or name")
    parser.add_argument("--deleted", action="store_true", help="the row of the user is deleted; give the id it had")


def person_in(options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the primary key of the user, and the arguments of ``export_user`` and ``erase_user``."""
    key = _former_key(options["user"]) if options["deleted"] else user_named(options["user"]).pk
    workspace = workspace_named(options["workspace"]) if options["workspace"] else None
    return key, {"user_identifier_keys": options["keys"], "workspace": workspace}


def _former_key(text: str) -> Any:
    """Return the primary key in the id of a user who is deleted. Raise CommandError if the user exists."""
    model = get_user_model()
    key = key_in_id(text, model)
    if key is None:
        raise CommandError(f"{text!r} is not the id of a user, such as {PREFIX}7.")
    with ready_database():
        if model._base_manager.filter(pk=key).exists():
            raise CommandError(f"{PREFIX}{key} is not deleted: leave out --deleted.")
    return key
