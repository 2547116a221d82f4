"""Workspaces in the console, with their policies in words. Each change is an event."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.forms import all_valid
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessions_core.changelists import UUID_PATTERN, BoundedAdmin
from sessions_core.console.console_permissions import operator
from sessions_core.console.policy_consequences import PolicyChange
from sessions_core.models import AllowedOrigin, Event, Workspace
from sessions_core.models.policies import Policy, policy_models, with_policies

__all__ = ["WorkspaceAdmin"]

# The field of the page that confirms a change of a policy.
CONFIRMED = "policies_confirmed"


class AllowedOriginInline(admin.TabularInline):
    model = AllowedOrigin
    extra = 0


class PolicyInline(admin.StackedInline):
    """The form of a policy, which begins with what the rules do now.

    Django saves a row only if a value differs from its default.
    """

    can_delete = False
    readonly_fields = ("in_words",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Put the words first."""
        return sorted(super().get_fields(request, obj), key=lambda name: name != "in_words")

    @admin.display(description=_("what holds now"))
    def in_words(self, policy: Policy) -> SafeString:
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ([each] for each in policy.in_words())))


def _inline_of(policy: type[Policy]) -> "type[InlineModelAdmin[Any, Any]]":
    return type(f"{policy.__name__}Inline", (PolicyInline,), {"model": policy})


@admin.register(Workspace)
class WorkspaceAdmin(BoundedAdmin):
    list_display = ("name", "id", "is_sandbox", "created_at")
    list_filter = ("is_sandbox",)
    searched = ((UUID_PATTERN, "id"), (r".*", "name"))
    names = ("name",)
    search_fields = ("name",)  # for autocomplete fields of other forms
    search_help_text = _("An ID, a name, or part of a name. Partial names search only the first 1,000 workspaces.")
    readonly_fields = ("id", "created_at")

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> "list[type[InlineModelAdmin[Any, Any]]]":
        """Return the allowed origins, and the policy of each installed app."""
        return [AllowedOriginInline, *map(_inline_of, policy_models())]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: deleting a workspace would delete all of its sessions."""
        return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Before a policy is changed, show what that does today and ask for confirmation."""
        if request.method == "POST" and object_id is not None and CONFIRMED not in request.POST:
            workspace = self.get_object(request, unquote(object_id))
            if workspace is not None and self.has_change_permission(request, workspace):
                page = self._confirmation(request, workspace)
                if page is not None:
                    return page
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _policy_changes(self, request: HttpRequest, workspace: Workspace) -> list[PolicyChange]:
        """Return the changes of policies that the form would save, or none if it has an error."""
        form = self.get_form(request, workspace, change=True)(request.POST, request.FILES, instance=workspace)
        is_valid = form.is_valid()
        page: Any = self
        formsets, _inlines = page._create_formsets(request, form.instance, change=True)
        if not (all_valid(formsets) and is_valid):
            return []
        stored = Workspace.objects.select_related(*with_policies()).get(pk=workspace.pk)
        changes = []
        for formset in (each for each in formsets if issubclass(each.model, Policy)):
            for changed in (each.instance for each in formset.forms if each.has_changed()):
                changed.workspace = form.instance
                changes.append(PolicyChange(formset.model.of(stored), changed))
        return changes

    def _confirmation(self, request: HttpRequest, workspace: Workspace) -> HttpResponse | None:
        """Return the page that asks, or None if no rule changes. It writes nothing."""
        now = timezone.now()
        found = self._policy_changes(request, workspace)
        said = [(each.after._meta.verbose_name, each.rules(), each.consequences(at=now)) for each in found]
        if not any(rules or consequences for _name, rules, consequences in said):
            return None
        posted = [(name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"]
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Change the policy of %(workspace)s") % {"workspace": workspace},
            "opts": self.opts,
            "media": self.media,
            "changes": said,
            "values": [(name, value) for name, values in posted for value in values],
            "confirmed": CONFIRMED,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "sessions_core/console/policy_confirm.html", context)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, and record an event for the workspace and one for its policies, in the transaction of the page."""
        super().save_related(request, form, formsets, change)
        policies = {policy: formset for formset in formsets if issubclass(policy := formset.model, Policy)}
        rules: dict[str, str] = {}
        for policy, formset in policies.items():
            rules |= {f"{policy._meta.app_label}.{name}": text for name, text in _changes(formset.forms)}
        facts = dict(_changes([form]))
        if any(formset.has_changed() for formset in formsets if formset.model not in policies):
            origins = AllowedOrigin.objects.filter(workspace=form.instance)
            facts["allowed_origins"] = ", ".join(origins.values_list("origin", flat=True))
        if facts or not change:
            self._record(request, form.instance, "changed" if change else "created", facts)
        if rules:
            self._record(request, form.instance, "policy_changed", rules)

    def _record(self, request: HttpRequest, workspace: Workspace, happened: str, changed: dict[str, str]) -> None:
        Event.objects.record(
            f"workspace.{happened}",
            subject=str(workspace.pk),
            workspace_id=workspace.pk,
            actor=operator(request),
            changed=changed,
        )


def _changes(forms: Iterable[Any]) -> Iterable[tuple[str, str]]:
    """Yield each changed field with its new value as text, as ``manage.py workspace policy --set`` records it.

    ``has_changed`` is false for a form that the operator may only view, ``changed_data`` is not empty.
    """
    for form in (each for each in forms if each.has_changed()):
        for name in form.changed_data:
            value = form.cleaned_data.get(name)
            yield name, "" if value is None else str(value)
