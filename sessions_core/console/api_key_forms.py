"""The forms that create and roll an API key. Each choice of a time says which date it means."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.api_key_scopes import registered_scopes
from sessions_core.console.console_words import exact
from sessions_core.models import ApiKey, Workspace
from sessions_core.models.api_keys import LONGEST_NAME, LONGEST_WAIT
from sessions_core.texts import LONGEST_REASON

__all__ = ["CreateKeyForm", "RollKeyForm"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# The value of the choice of an overlap that begins with the first use of the new key.
FIRST_USE = "first_use"


class CreateKeyForm(forms.Form):
    """A new key. The workspace is typed, because a list of all could be long and would need JavaScript to search."""

    name = forms.CharField(
        label=_("Name of the key"), max_length=LONGEST_NAME, help_text=_("Say where the key will be used.")
    )
    workspace = forms.CharField(
        label=pgettext_lazy("form", "Workspace"), max_length=200, help_text=_("Its name or its ID.")
    )
    kind = forms.ChoiceField(
        label=_("Kind of key"), choices=ApiKey.Kind.choices, initial=ApiKey.Kind.SECRET, widget=forms.RadioSelect
    )
    lifetime = forms.ChoiceField(label=pgettext_lazy("API key", "Ends"), required=False, widget=forms.RadioSelect)
    scopes = forms.MultipleChoiceField(
        label=_("The key may"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("If all are chosen, the key may do everything in the workspace, also what is added later."),
    )

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at = at
        lifetimes = [(30, gettext("in 30 days")), (90, gettext("in 90 days")), (365, gettext("in a year"))]
        dated: list[tuple[str, str]] = [(str(days), f"{text}: {exact(at + days * DAY)}") for days, text in lifetimes]
        field: Any = self.fields["lifetime"]
        field.choices = [("", gettext("never: it works until you revoke it")), *dated]
        offered = registered_scopes()
        scopes: Any = self.fields["scopes"]
        scopes.choices = [(scope, f"{label} ({scope})") for scope, label in offered.items()]
        scopes.initial = list(offered)

    def clean_workspace(self) -> Workspace:
        text = self.cleaned_data["workspace"]
        try:
            found = list(Workspace.objects.filter(pk=text))
        except ValidationError:  # not an ID
            found = []
        found = found or list(Workspace.objects.filter(name=text).order_by("pk")[:2])
        if len(found) > 1:
            raise ValidationError(_("Several workspaces have this name. Enter the ID of one."), code="ambiguous")
        if not found:
            raise ValidationError(_("No workspace has this name or ID."), code="unknown")
        return found[0]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        is_secret = given.get("kind") == ApiKey.Kind.SECRET
        if is_secret and given.get("scopes") == [] and registered_scopes():
            self.add_error("scopes", ValidationError(_("Choose what the key may do."), code="required"))
        if not is_secret and given.get("scopes") and self.chosen_scopes() is not None:
            self.add_error("scopes", ValidationError(_("You can restrict secret keys only."), code="publishable"))
        return given

    def chosen_scopes(self) -> list[str] | None:
        """Return the chosen scopes, or None if all are chosen. A request can repeat one."""
        chosen = list(dict.fromkeys(self.cleaned_data["scopes"]))
        return None if set(chosen) == registered_scopes().keys() else chosen

    def ends_at(self) -> datetime | None:
        days = self.cleaned_data["lifetime"]
        return self.at + int(days) * DAY if days else None


class RollKeyForm(forms.Form):
    """How long a key works beside its successor."""

    overlap = forms.ChoiceField(label=_("The old key works"), widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason (recorded with your name)"), max_length=LONGEST_REASON, required=False)

    OVERLAPS = {"hour": HOUR, "day": DAY, "week": 7 * DAY, FIRST_USE: DAY}

    def __init__(self, *args: Any, key: ApiKey, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {
            "hour": gettext("for another hour, until {date}"),
            "day": gettext("for another 24 hours, until {date}"),
            "week": gettext("for another 7 days, until {date}"),
            FIRST_USE: gettext("for 24 hours after the new key is first used, and at most until {date}"),
        }
        field: Any = self.fields["overlap"]
        field.choices = [
            (value, words[value].format(date=exact(self._end(key, value, at=at)))) for value in self.OVERLAPS
        ]
        field.initial = "day"

    def _end(self, key: ApiKey, value: str, *, at: datetime) -> datetime:
        end = at + self.OVERLAPS[value] + (LONGEST_WAIT if value == FIRST_USE else timedelta(0))
        return min(end, key.expires_at or end)

    def choice(self) -> dict[str, Any]:
        """Return the arguments of ``ApiKey.roll``."""
        value = self.cleaned_data["overlap"]
        reason = self.cleaned_data["reason"]
        return {"overlap": self.OVERLAPS[value], "from_first_use": value == FIRST_USE, "reason": reason}
