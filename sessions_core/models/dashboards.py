"""A model without rows of its own, so that the console's dashboard stands in the index of the admin."""

from django.utils.translation import pgettext_lazy

from sessions_core.models.workspaces import Workspace

__all__ = ["Dashboard"]


class Dashboard(Workspace):
    class Meta:
        proxy = True
        # The permissions of the counted models decide.
        default_permissions = ()
        verbose_name = pgettext_lazy("Gatepass", "dashboard")
        verbose_name_plural = pgettext_lazy("Gatepass", "dashboard")
