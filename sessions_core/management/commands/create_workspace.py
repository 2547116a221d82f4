"""``manage.py create_workspace NAME``: create a workspace, and an API key if requested."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.text import capfirst
from django.utils.translation import override

from sessions_core.conf import settings
from sessions_core.db.transactions import atomic
from sessions_core.management.databases import ready_database
from sessions_core.models import ApiKey, NoDefaultWorkspace, Workspace
from sessions_core.models.policies import Policy, policy_models

BY = "command:create_workspace"


class Command(BaseCommand):
    help = (
        "Creates a workspace and prints its id. Prints the API key once. Does not change an existing workspace of this "
        "name, and creates no key for it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the name of the workspace")
        parser.add_argument("--sandbox", action="store_true", help="with development features")
        parser.add_argument("--api-key", action="store_true", help="also create a secret key for a backend")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        with override("en"):  # the language of commands
            for _, field in _policy_fields():
                parser.add_argument(f"--{field.name.replace('_', '-')}", help=str(field.help_text))

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            try:
                facts = _create(options)
            except ValidationError as reason:
                raise CommandError(f"Nothing was created. {' '.join(reason.messages)}") from None
            is_unclear = settings.default_workspace is None and not _has_default()
        if options["json"]:
            self.stdout.write(DjangoJSONEncoder(indent=2).encode(facts))
        else:
            self.stdout.write("\n".join(_as_text(facts)))
        if facts["is_new"] and is_unclear:
            self.stderr.write(
                "There are several workspaces now. Set SESSIONS_CORE['DEFAULT_WORKSPACE'] to the id of the one in "
                "which users of your own pages sign in."
            )


def _has_default() -> bool:
    try:
        return Workspace.objects.find_default() is not None
    except NoDefaultWorkspace:
        return False


@atomic()
def _create(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the workspace, and a secret that was created. Raise ValidationError."""
    name, api_key = options["name"], None
    workspace = Workspace.objects.filter(name=name).order_by("created_at", "id").first()
    is_new = workspace is None
    if workspace is None:
        workspace = Workspace(name=name, is_sandbox=options["sandbox"])
        workspace.full_clean()
        workspace.save()
        _create_policies(workspace, options)
        if options["api_key"]:
            _, api_key = ApiKey.objects.issue(workspace, name="create_workspace", actor=BY)
    return {
        "workspace_id": workspace.pk,
        "name": workspace.name,
        "is_sandbox": workspace.is_sandbox,
        "is_new": is_new,
        **{field.name: getattr(policy.of(workspace), field.name) for policy, field in _policy_fields()},
        "api_key": api_key,
    }


def _create_policies(workspace: Workspace, options: Mapping[str, Any]) -> None:
    for policy in policy_models():
        if given := {name: options[name] for name in policy.options if options[name]}:
            row = policy(workspace=workspace, **given)
            row.full_clean()
            row.save()


def _policy_fields() -> Iterator[tuple[type[Policy], Any]]:
    """Yield the fields of the installed apps' policies that are options of this command."""
    for policy in policy_models():
        for name in policy.options:
            yield policy, policy._meta.get_field(name)


def _as_text(facts: Mapping[str, Any]) -> Iterator[str]:
    if not facts["is_new"]:
        yield "The workspace exists and was not changed. issue_api_key creates another API key."
    shown = {"Workspace": facts["workspace_id"], "Sandbox": "yes" if facts["is_sandbox"] else "no"}
    shown |= {capfirst(str(field.verbose_name)): facts[field.name] for _, field in _policy_fields()}
    shown |= {"API key": facts["api_key"]}
    yield from (f"{label:<17}{value}" for label, value in shown.items() if value is not None)
