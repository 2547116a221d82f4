"""Confirmed actions: a page says in words what will happen and asks for a reason; then the action runs and is logged.

An action stands in the menu of a list, and as a button on the page of each object and in its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.db.models import Max, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessions_core.changelists import BoundedAdmin
from sessions_core.console.action_batches import row_batches
from sessions_core.console.admin_log import logged, logged_afterwards
from sessions_core.console.console_permissions import permission_for, require_permission
from sessions_core.console.keysets import Keyset
from sessions_core.console.recent_authentication import require_recent_authentication
from sessions_core.texts import LONGEST_REASON

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

    from sessions_core.console.pages import FactAdmin

__all__ = ["Confirmed", "ConfirmedActions", "Reason", "ReasonForm", "confirmed", "confirmed_of_all"]

# Maximum number of rows that a confirmation page lists.
MOST_SHOWN = 100

# Maximum number of rows that an action changes in one transaction. Other writes go on between two of them.
BATCH = 500


class Reason(StrEnum):
    """Whether an action asks for a reason. With a reason the method has the keyword argument ``reason``."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What the decorators know of an action. ``permission`` is the first part of its codename, such as ``revoke``."""

    name: str
    description: "_StrOrPromise"
    button: "_StrOrPromise"
    done: "_StrOrPromise"
    permission: str
    reason: Reason
    is_slow: bool
    act: Callable[..., int]


# A method of a ModelAdmin that changes one object and returns True if it changed.
RowAction = Callable[..., bool]
# A method of a ModelAdmin that changes all rows of a queryset and returns how many changed.
BulkAction = Callable[..., int]


def confirmed(
    description: "_StrOrPromise",
    *,
    done: "_StrOrPromise",
    permission: str = "change",
    reason: Reason = Reason.NONE,
    button: "_StrOrPromise" = "",
    is_slow: bool = False,
) -> Callable[[RowAction], Any]:
    """Make an admin action of a method: confirm, change each object, report. ``done`` completes "3 of 4 …".

    ``permission`` names the permission on the model. With ``button`` the page of each object has a button with this
    text. ``is_slow`` leaves the transaction to the method, which does slow work before it.
    """

    def decorate(act: RowAction) -> Any:
        def act_on_each(self: Any, request: HttpRequest, queryset: QuerySet[Any], **given: Any) -> int:
            return sum(act(self, request, obj, **given) for obj in queryset)

        act_on_each.__name__ = act.__name__
        facts: dict[str, Any] = {"permission": permission, "reason": reason, "button": button, "is_slow": is_slow}
        return confirmed_of_all(description, done=done, **facts)(act_on_each)

    return decorate


def confirmed_of_all(
    description: "_StrOrPromise",
    *,
    done: "_StrOrPromise",
    permission: str = "change",
    reason: Reason = Reason.NONE,
    button: "_StrOrPromise" = "",
    is_slow: bool = False,
) -> Callable[[BulkAction], Any]:
    """Do the same with a method that changes all rows of a batch at once."""

    def decorate(act: BulkAction) -> Any:
        facts = Confirmed(
            name=act.__name__,
            description=description,
            button=button,
            done=done,
            permission=permission,
            reason=reason,
            is_slow=is_slow,
            act=act,
        )

        @admin.action(description=description)
        def action(self: "FactAdmin", request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            return self.ask_or_act(request, facts, queryset)

        action.__name__ = act.__name__
        action.confirmed = facts  # type: ignore[attr-defined]
        return action

    return decorate


class ReasonForm(forms.Form):
    """The reason of an action."""

    reason = forms.CharField(
        label=_("Reason (recorded with your name)"), max_length=LONGEST_REASON, widget=forms.TextInput({"size": 60})
    )


class ConfirmedActions(BoundedAdmin):
    """The views of confirmed actions."""

    change_form_template = "sessions_core/console/change_form.html"

    # True if the actions of this page require a recent authentication.
    is_sensitive: ClassVar[bool] = False

    def confirmed_actions(self) -> dict[str, Confirmed]:
        """Return the actions of this page that ask for confirmation, by name."""
        methods: Any = [getattr(type(self), str(name), None) for name in self.actions or ()]
        return {method.confirmed.name: method.confirmed for method in methods if hasattr(method, "confirmed")}

    def may(self, request: HttpRequest, action: str) -> bool:
        """Return True if the operator has the permission for this action on the model."""
        return bool(request.user.has_perm(permission_for(action, self.model)))

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Return the actions that the operator may run. Django before 6.1 has no ``action_location``."""
        own = self.confirmed_actions()
        given: dict[str, Any] = {} if action_location is None else {"action_location": action_location}
        offered = super().get_actions(request, **given)
        return {
            name: entry for name, entry in offered.items() if name not in own or self.may(request, own[name].permission)
        }

    def buttons(self, request: HttpRequest, obj: Any) -> "list[tuple[str, _StrOrPromise]]":
        """Return the address and the text of each button that the page of this object has."""
        return [
            (self.action_url(obj, each.name), each.button)
            for each in self.confirmed_actions().values()
            if each.button and self.may(request, each.permission)
        ]

    def url_of(self, page: str, *args: Any) -> str:
        """Return the address of a page of this model, such as ``change`` with the quoted id."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args, current_app=self.admin_site.name)

    def action_url(self, obj: Model, name: str) -> str:
        """Return the address that asks to confirm this action on one object."""
        return self.url_of("act", quote(obj.pk), name)

    def page_of(self, obj: Model) -> str:
        """Return the address of the page that shows what an action did to this object."""
        return self.url_of("change", quote(obj.pk))

    def in_words(self, obj: Any) -> "_StrOrPromise":
        """Return how a confirmation names this object."""
        return str(obj)

    def consequences(self, request: HttpRequest, action: str, queryset: QuerySet[Any]) -> "Sequence[_StrOrPromise]":
        """Return sentences that tell what this action will do to these objects."""
        return ()

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        view = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/act/<str:name>/", view, name=name), *super().get_urls()]

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask to confirm an action on one object, or run it and return to the page of the object."""
        action = self.confirmed_actions().get(name)
        if action is None or not action.button:
            raise Http404
        require_permission(request, permission_for(action.permission, self.model))
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        one = self.get_queryset(request).filter(pk=obj.pk)
        back = self.page_of(obj)
        return self.ask_or_act(request, action, one, back=back) or HttpResponseRedirect(back)

    def permission_of(self, action: str) -> str:
        """Return the permission that this action of the list needs."""
        own = self.confirmed_actions().get(action)
        return permission_for(own.permission, self.model) if own else super().permission_of(action)

    def ask_or_act(
        self, request: HttpRequest, action: Confirmed, queryset: QuerySet[Any], *, back: str = ""
    ) -> HttpResponse | None:
        """Render the confirmation, or run a confirmed action and return None."""
        require_permission(request, permission_for(action.permission, self.model))
        if self.is_sensitive:
            require_recent_authentication(request)
        is_confirmed = request.method == "POST" and "confirmed" in request.POST
        form = ReasonForm(request.POST if is_confirmed else None)
        form.fields["reason"].required = action.reason == Reason.REQUIRED
        queryset, as_of = self._frozen(request, queryset)
        if not is_confirmed or (action.reason != Reason.NONE and not form.is_valid()):
            return self._ask(request, action, queryset, form=form, as_of=as_of, back=back)
        given = {} if action.reason == Reason.NONE else {"reason": form.cleaned_data["reason"]}
        chosen = queryset.count()
        changed = self._act(request, action, queryset, given)
        facts = {"changed": changed, "chosen": chosen, "done": action.done}
        is_part = changed <= chosen  # else other objects changed, such as all sessions of a chosen user
        text = gettext("%(changed)d of %(chosen)d %(done)s.") if is_part else gettext("%(changed)d %(done)s.")
        self.message_user(request, text % facts, messages.SUCCESS if changed else messages.WARNING)
        return None

    def _act(self, request: HttpRequest, action: Confirmed, queryset: QuerySet[Any], given: dict[str, str]) -> int:
        """Run an action in batches, each logged in its transaction. Return how many rows changed."""
        writes, size = (logged_afterwards, 1) if action.is_slow else (logged, BATCH)
        changed = 0
        for batch in row_batches(queryset, size):
            with writes(request, self):
                changed += action.act(self, request, batch, **given)
        return changed

    def _frozen(self, request: HttpRequest, queryset: QuerySet[Any]) -> tuple[QuerySet[Any], str]:
        """Return the rows that the confirmation showed: of a whole list, those that existed then, by their time or by
        the first column of the list."""
        if request.POST.get("select_across") != "1":
            return queryset, ""
        is_timed = any(field.name == "created_at" for field in self.opts.concrete_fields)
        column = "created_at" if is_timed else Keyset.of(queryset).columns[0][0]
        keyset = Keyset(self.model, [(column, True)])
        try:
            position = keyset.position_in(request.POST.get("as_of", ""))
        except ValueError:
            position = [timezone.now() if is_timed else queryset.aggregate(newest=Max(column, default=0))["newest"]]
        return queryset.filter(**{f"{column}__lte": position[0]}), keyset.text_of_position(position)

    def _ask(
        self,
        request: HttpRequest,
        action: Confirmed,
        queryset: QuerySet[Any],
        *,
        form: ReasonForm,
        as_of: str,
        back: str,
    ) -> HttpResponse:
        """Render the confirmation. For a whole list the form repeats the list's filters, not the ids of its rows."""
        is_across = request.POST.get("select_across") == "1"
        shown = queryset[:MOST_SHOWN]
        return TemplateResponse(
            request,
            "sessions_core/console/confirm.html",
            {
                **self.admin_site.each_context(request),
                "title": action.button if back else action.description,
                "opts": self.opts,
                "media": self.media,
                "count": queryset.count(),
                "shown": [self.in_words(obj) for obj in shown],
                "chosen": [] if back else (queryset[:1] if is_across else queryset),
                "consequences": self.consequences(request, action.name, queryset),
                "is_across": is_across,
                "as_of": as_of,
                "action": action,
                "form": form if action.reason != Reason.NONE else None,
                "back": back or self.url_of("changelist"),
                "is_single": bool(back),
                "checkbox": ACTION_CHECKBOX_NAME,
            },
        )
