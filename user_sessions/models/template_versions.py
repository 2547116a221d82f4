"""Versions of JWT templates: what each change left. Its event says who changed it, and when."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.models import Event
from user_sessions.exceptions import TemplateChanged

if TYPE_CHECKING:
    from user_sessions.models.jwt_templates import JwtTemplate

__all__ = ["MOST_VERSIONS", "JwtTemplateVersion"]

# Versions that are stored of one template. The oldest is deleted when there are more.
MOST_VERSIONS = 100


class JwtTemplateVersionQuerySet(models.QuerySet["JwtTemplateVersion"]):
    def add(self, template: "JwtTemplate", *, event: Event, has_new_key: bool, latest: int | None = None) -> None:
        """Store the values that an event left, in its transaction, which has the template locked.

        A write that changes no value makes no version. Raise TemplateChanged if the latest version is not ``latest``.
        """
        before = self.filter(template=template).order_by("-number").first()
        if latest is not None and (before is None or before.number != latest):
            raise TemplateChanged
        values = {name: getattr(template, name) for name in JwtTemplateVersion.VALUES}
        if before is not None and before.values() == values and not has_new_key:
            return
        number = before.number + 1 if before else 1
        self.create(template=template, event=event, number=number, has_new_key=has_new_key, **values)
        if number > MOST_VERSIONS:
            self.filter(template=template, number__lte=number - MOST_VERSIONS).delete()


class JwtTemplateVersion(models.Model):
    """Never has a signing key: ``has_new_key`` says that this change replaced it."""

    VALUES = ("name", "claims", "lifetime", "allowed_clock_skew", "signing_algorithm")

    # The unique constraint is the index.
    template = models.ForeignKey(
        "user_sessions.JwtTemplate", on_delete=models.CASCADE, related_name="versions", db_index=False
    )
    number = models.PositiveIntegerField(pgettext_lazy("JWT template", "version"))
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(pgettext_lazy("Gatepass", "name"), max_length=255)
    claims = models.TextField(pgettext_lazy("Gatepass", "claims"))
    lifetime = models.PositiveIntegerField(pgettext_lazy("Gatepass", "lifetime"))
    allowed_clock_skew = models.PositiveSmallIntegerField(_("allowed clock skew"))
    signing_algorithm = models.CharField(_("signing algorithm"), max_length=5, blank=True)
    has_new_key = models.BooleanField(default=False)

    objects = JwtTemplateVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("version of a JWT template")
        verbose_name_plural = _("versions of JWT templates")
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(
                fields=["template", "number"], name="user_sessions_jwt_template_version_is_numbered"
            )
        ]

    def __str__(self) -> str:
        return str(self.number)

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.VALUES}
