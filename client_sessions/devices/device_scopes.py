"""The scopes of API keys for the endpoints of the sample resources."""

from django.utils.translation import gettext_lazy as _

from sessions_core.api_key_scopes import ScopeFamily

__all__ = ["DEVICES"]

DEVICES = ScopeFamily(
    name="devices",
    read_label=_("Read devices, their accounts and owners, and the workspace"),
    write_label=_("Create, change and delete accounts and owners of devices"),
)
