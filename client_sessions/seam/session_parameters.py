"""The parameters of the endpoints of ``/client_sessions``."""

from collections.abc import Sequence
from functools import lru_cache

from client_sessions import resources
from client_sessions.models import Action
from client_sessions.seam.pagination import PAGE_PARAMETERS
from client_sessions.seam.parameters import Parameters
from sessions_core.http.parameters import Choice, Flag, Instant, Parameter, Text, Texts

__all__ = ["GET", "LIST", "ONE", "GrantParameters", "of_grants"]

# Parameter -> resource type for the types of Seam. Other types have the parameter ``<type>_ids``.
SEAM_GRANTS = {
    "connected_account_ids": "connected_account",
    "connect_webview_ids": "connect_webview",
    "user_identity_id": "user_identity",
    "user_identity_ids": "user_identity",
    "customer_key": "customer",
}

KEY: dict[str, Parameter] = {"user_identifier_key": Text(min_length=1)}
CREATION: dict[str, Parameter] = {
    "customer_key": Text(min_length=1),
    "customer_id": Text(),
    "expires_at": Instant(),
}
TERMS: dict[str, Parameter] = {
    "actions": Texts(item=Choice(options=tuple(Action)), min_length=1),
    "access_expires_at": Instant(),
}
GET = Parameters(client_session_id=Text(), user_identifier_key=Text())
LIST = Parameters(
    client_session_id=Text(),
    user_identifier_key=Text(),
    connect_webview_id=Text(nullable=True),
    user_identity_id=Text(nullable=True),
    without_user_identifier_key=Flag(),
    **PAGE_PARAMETERS,
)
ONE = Parameters(client_session_id=Text(required=True))


class GrantParameters:
    """The parameters of the endpoints that name granted resources, including those of the project's own types."""

    def __init__(self, registered: Sequence[str]) -> None:
        others = sorted(set(registered) - set(SEAM_GRANTS.values()))
        self.types = SEAM_GRANTS | {f"{name}_ids": name for name in others}
        """The resource type of each parameter that grants."""
        lists = {name: Texts() for name in self.types if name not in CREATION}
        self.declared: dict[str, Parameter] = lists | {
            "user_identity_id": Text(),
            "user_identity_ids": Texts(length=1),
        }
        every = {**KEY, **self.declared}
        self.create = Parameters(**every, **TERMS, **CREATION)
        self.get_or_create = Parameters(**every, **TERMS, expires_at=Instant())
        self.grant_access = Parameters(**every, **TERMS, client_session_id=Text())
        self.revoke_access = Parameters(**every, customer_key=Text(min_length=1), client_session_id=Text())
        # A blank user identifier key has its own error.
        self.publishable = Parameters(**self.declared, **CREATION, user_identifier_key=Text())


def of_grants() -> GrantParameters:
    """Return the parameters of the registered types."""
    return _of_types(tuple(resource_type.name for resource_type in resources.registered()))


@lru_cache(maxsize=8)
def _of_types(registered: tuple[str, ...]) -> GrantParameters:
    return GrantParameters(registered)
