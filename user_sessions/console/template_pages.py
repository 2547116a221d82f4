"""The JWT template editor of the console: lint, preview and versions. No page shows a signing key."""

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from sessions_core.changelists import BY_WORKSPACE
from sessions_core.console.admin_log import logged
from sessions_core.console.console_permissions import Refused, operator, permission_for, require_permission
from sessions_core.console.pages import HistoryAdmin
from sessions_core.models import Workspace
from user_sessions.console.template_forms import TemplateForm
from user_sessions.console.template_trials import Trial
from user_sessions.console.template_words import differences, differing_lines
from user_sessions.models import (
    JwtTemplate,
    JwtTemplateVersion,
    NameTaken,
    TemplateChanged,
    TemplateGone,
    UserSession,
    UserSessionError,
)
from user_sessions.templating.shortcodes import TemplateError

__all__ = ["JwtTemplateAdmin"]

# By the error of a verb: the field, and the sentence.
FAILURES = {
    NameTaken: ("name", _("The workspace has another template of this name.")),
    TemplateChanged: (None, _("Another change was saved meanwhile. Compare the versions, and open the editor again.")),
    TemplateGone: (None, _("The template was deleted meanwhile.")),
}
HAS_ONE = _("The workspace has a template for session tokens already. Open that one to change its claims.")


@admin.register(JwtTemplate)
class JwtTemplateAdmin(HistoryAdmin):
    list_display = ("name", "workspace", "signing_algorithm", "lifetime", "updated_at")
    ordering = ("workspace_id", "-created_at", "-id")
    list_filter = (BY_WORKSPACE,)
    list_select_related = ("workspace",)
    searched = ((r".*", "id"),)
    names = ("name",)
    search_help_text = _("An ID, or part of a name. Names search only the newest 1,000 rows.")
    fields = (
        "id",
        "name",
        "workspace",
        "claims",
        "lifetime",
        "allowed_clock_skew",
        "is_for_session_tokens",
        "signing_algorithm",
        "created_at",
        "updated_at",
        "versions",
        "history",
    )
    readonly_fields = ("versions", "history")

    @admin.display(description=_("versions of JWT templates"))
    def versions(self, template: JwtTemplate) -> SafeString:
        return format_html('<a href="{}">{}</a>', self._address("versions", template), gettext("Compare versions"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False for the template for session tokens, which stays."""
        is_kept = isinstance(obj, JwtTemplate) and obj.is_for_session_tokens
        return not is_kept and admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: JwtTemplate) -> None:
        obj.forget(actor=operator(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for template in queryset:
            self.delete_model(request, template)

    def get_queryset(self, request: HttpRequest) -> QuerySet[JwtTemplate]:
        templates: QuerySet[JwtTemplate] = super().get_queryset(request)
        return templates.select_related("workspace")

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<path:object_id>/versions/", self.admin_site.admin_view(self.versions_view), name=_name("versions")),
            path(
                "<path:object_id>/versions/<int:number>/restore/",
                self.admin_site.admin_view(self.restore_view),
                name=_name("restore"),
            ),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters("signing_key"))
    @sensitive_variables()  # the form passes the key through many functions
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show the editor to operators who may change templates, and Django's page of read-only fields to others."""
        action = "add" if object_id is None else "change"
        needed = permission_for(action, self.model)
        if object_id is not None and request.method in ("GET", "HEAD") and not request.user.has_perm(needed):
            return super().changeform_view(request, object_id, form_url, extra_context)
        require_permission(request, needed)
        template = None if object_id is None else self._template(request, object_id)
        latest = (
            JwtTemplateVersion.objects.filter(template=template).values_list("number", flat=True).first()
            if template
            else None
        )
        form = TemplateForm(request.POST if request.method == "POST" else None, template=template, latest=latest)
        is_save = request.method == "POST" and "_preview" not in request.POST
        if is_save and form.is_valid() and (saved := self._save(request, form, template)):
            return HttpResponseRedirect(self._address("change", saved))
        return self._editor(request, form, template, latest).render()

    def _template(self, request: HttpRequest, object_id: str) -> JwtTemplate:
        found: JwtTemplate | None = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404
        return found

    def _save(self, request: HttpRequest, form: TemplateForm, template: JwtTemplate | None) -> JwtTemplate | None:
        """Store what the form asks for, and return the template. Return None if a verb refuses it."""
        try:
            with logged(request, self):
                saved = self._stored(request, form, template)
        except UserSessionError as error:
            if type(error) not in FAILURES:
                raise
            name, sentence = FAILURES[type(error)]
            if isinstance(error, NameTaken) and form.is_of_session_tokens:
                name, sentence = "is_for_session_tokens", HAS_ONE
            form.add_error(name if name in form.fields else None, sentence)
            return None
        self.message_user(request, gettext("The template was saved."), messages.SUCCESS)
        return saved

    def _stored(self, request: HttpRequest, form: TemplateForm, template: JwtTemplate | None) -> JwtTemplate:
        actor = operator(request)
        if template is not None:
            template.redefine(form.definition, actor=actor, latest=form.cleaned_data["latest"])
            return template
        workspace = form.cleaned_data["workspace"]
        is_for_session_tokens = form.is_of_session_tokens
        if is_for_session_tokens:  # lock as ``customise_session_tokens`` does, which would replace existing claims
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        return JwtTemplate.objects.define(
            workspace, form.definition, actor=actor, is_for_session_tokens=is_for_session_tokens
        )

    def _editor(
        self, request: HttpRequest, form: TemplateForm, template: JwtTemplate | None, latest: int | None
    ) -> TemplateResponse:
        is_valid = form.is_valid()
        workspace = template.workspace if template else is_valid and form.cleaned_data["workspace"]
        shows_sessions = request.user.has_perm(permission_for("view", UserSession))
        tried = Trial(form, template, workspace or None, shows_sessions=shows_sessions)
        if is_valid:
            tried.run(asked="_preview" in request.POST)
        problems = [*form.problems, *tried.problems]
        marked = {problem.line: problem for problem in problems if problem.line}
        text = form["claims"].value() or ""
        context = {
            **self._context(request, template),
            "title": template.name if template else gettext("New JWT template"),
            "form": form,
            "workspace": template and template.workspace,
            "latest": latest,
            "problems": problems,
            "lines": [(number, line, marked.get(number)) for number, line in enumerate(text.splitlines(), 1)]
            if problems
            else [],
            "sessions": tried.offered(),
            "preview": tried.preview,
            "preview_claims": tried.preview and json.dumps(tried.preview.claims, indent=2, ensure_ascii=False),
            "has_delete_permission": template and self.has_delete_permission(request, template),
        }
        return TemplateResponse(request, "user_sessions/console/template_editor.html", context)

    @method_decorator(require_safe)
    def versions_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """List the versions with what each changed, and compare two of them."""
        if not self.has_view_permission(request):
            raise Refused(permission_for("view", self.model))
        template = self._template(request, object_id)
        versions = list(JwtTemplateVersion.objects.filter(template=template).select_related("event"))
        by_number = {str(version.number): version for version in versions}
        before = dict(zip(versions, [*versions[1:], None], strict=True))
        new = by_number.get(request.GET.get("to", ""), versions[0] if versions else None)
        old = by_number.get(request.GET.get("from", ""), before[new] if new else None)
        context = {
            **self._context(request, template),
            "title": gettext("Versions of %(name)s") % {"name": template.name},
            "versions": [
                (version, [] if older is None and version.number > 1 else differences(older, version))
                for version, older in before.items()
            ],
            "old": old,
            "new": new,
            "differences": differences(old, new) if old and new else [],
            "lines": differing_lines(old, new) if old and new else [],
            "may_restore": self.has_change_permission(request, template),
        }
        return TemplateResponse(request, "user_sessions/console/template_versions.html", context)

    @method_decorator(require_POST)
    def restore_view(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        """Return to a version, which makes a new one."""
        require_permission(request, permission_for("change", self.model))
        template = self._template(request, object_id)
        version = JwtTemplateVersion.objects.filter(template=template, number=number).first()
        if version is None:
            raise Http404
        try:
            with logged(request, self):
                template.restore(version, actor=operator(request))
        except UserSessionError as error:
            _field, sentence = FAILURES.get(type(error), (None, _("The template cannot return to this version.")))
            self.message_user(request, sentence, messages.ERROR)
        except TemplateError:
            self.message_user(request, gettext("The template cannot return to this version."), messages.ERROR)
        else:
            done = gettext("The template has the values of version %(number)d again.") % {"number": number}
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(self._address("versions", template))

    def _context(self, request: HttpRequest, template: JwtTemplate | None) -> dict[str, Any]:
        addresses = {
            name: self._address(name, template) for name in ("change", "versions", "history", "delete") if template
        }
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "template": template,
            "addresses": addresses,
        }

    def _address(self, page: str, template: JwtTemplate) -> str:
        return reverse(f"admin:{_name(page)}", args=[quote(template.pk)], current_app=self.admin_site.name)


def _name(page: str) -> str:
    return f"user_sessions_jwttemplate_{page}"
