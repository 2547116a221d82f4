"""``manage.py workspace create|list|policy``: the workspaces of a server, and their rules."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, no_translations
from django.utils.translation import override

from sessions_core.conf import settings
from sessions_core.db.transactions import atomic
from sessions_core.management.databases import ready_database
from sessions_core.management.policy_values import PolicyChange, setting_names
from sessions_core.management.quiet import QuietCommand
from sessions_core.management.reports import Report
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import ApiKey, NoDefaultWorkspace, Workspace
from sessions_core.models.policies import Policy, policy_models, with_policies

BY = "command:workspace"


class Command(QuietCommand):
    help = (
        "create creates a workspace and prints its id. list shows all workspaces. policy shows the rules of a "
        "workspace, and changes some of them with --set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|policy")
        create = verbs.add_parser(
            "create", help="create a workspace; one of this name that exists is not changed and gets no key"
        )
        create.add_argument("name", help="the name of the workspace")
        create.add_argument("--sandbox", action="store_true", help="with development features")
        create.add_argument("--api-key", action="store_true", help="also create a secret key for a backend")
        with override("en"):  # the language of commands
            for _, field in _policy_fields():
                create.add_argument(f"--{field.name.replace('_', '-')}", help=str(field.help_text))
        listing = verbs.add_parser("list", help="list the workspaces by name")
        policy = verbs.add_parser("policy", help="show or change the rules of a workspace")
        policy.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        policy.add_argument(
            "--set",
            dest="changes",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"change a rule, such as a lifetime to 12h. NAME is one of {', '.join(setting_names())}",
        )
        for each in (create, listing, policy):
            each.add_argument("--json", action="store_true", help="print JSON")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        report = Report(self, as_json=options["json"])
        match options["verb"]:
            case "create":
                self._create(report, options)
            case "list":
                with ready_database():
                    workspaces = list(Workspace.objects.select_related(*with_policies()).order_by("name", "id"))
                columns = ["workspace_id", "name", "is_sandbox", "created_at", *(f.name for _, f in _policy_fields())]
                report.rows(map(_facts, workspaces), columns)
            case "policy":
                self._policy(report, workspace_named(options["workspace"]), options["changes"])

    def _create(self, report: Report, options: Mapping[str, Any]) -> None:
        with ready_database():
            try:
                workspace, is_new, api_key = _create(options)
            except ValidationError as reason:
                raise CommandError(f"Nothing was created. {' '.join(reason.messages)}") from None
            is_unclear = is_new and settings.default_workspace is None and not _has_default()
        report.facts({**_facts(workspace), "is_new": is_new, "api_key": api_key})
        if not is_new:
            self.stderr.write("The workspace exists and was not changed. api_key create prints another API key.")
        if is_unclear:
            self.stderr.write(
                "There are several workspaces now. Set SESSIONS_CORE['DEFAULT_WORKSPACE'] to the id of the one in "
                "which users of your own pages sign in."
            )

    def _policy(self, report: Report, workspace: Workspace, changes: Sequence[str]) -> None:
        try:
            rules = PolicyChange.parse(changes).save(workspace, actor=BY)
        except ValidationError as reason:
            raise CommandError(f"Nothing was changed. {' '.join(reason.messages)}") from None
        report.rows(rules, ("name", "value", "is_default"))


def _has_default() -> bool:
    try:
        return Workspace.objects.find_default() is not None
    except NoDefaultWorkspace:
        return False


@atomic()
def _create(options: Mapping[str, Any]) -> tuple[Workspace, bool, str | None]:
    """Return the workspace of this name, whether it is new, and a key that was created. Raise ValidationError."""
    name, api_key = options["name"], None
    found = Workspace.objects.filter(name=name).order_by("created_at", "id").first()
    if found is not None:
        return found, False, None
    workspace = Workspace(name=name, is_sandbox=options["sandbox"])
    workspace.full_clean()
    workspace.save()
    _create_policies(workspace, options)
    if options["api_key"]:
        _, api_key = ApiKey.objects.issue(workspace, name="workspace create", actor=BY)
    return workspace, True, api_key


def _create_policies(workspace: Workspace, options: Mapping[str, Any]) -> None:
    for policy in policy_models():
        if given := {name: options[name] for name in policy.options if options[name]}:
            row = policy(workspace=workspace, **given)
            row.full_clean()
            row.save()


def _facts(workspace: Workspace) -> dict[str, Any]:
    return {
        "workspace_id": workspace.pk,
        "name": workspace.name,
        "is_sandbox": workspace.is_sandbox,
        "created_at": workspace.created_at,
        **{field.name: getattr(policy.of(workspace), field.name) for policy, field in _policy_fields()},
    }


def _policy_fields() -> Iterator[tuple[type[Policy], Any]]:
    """Yield the fields of the installed apps' policies that are options of ``create``."""
    for policy in policy_models():
        for name in policy.options:
            yield policy, policy._meta.get_field(name)
