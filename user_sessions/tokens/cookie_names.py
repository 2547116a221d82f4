"""Names of cookies that carry tokens, and the publishable key that their suffix is made of."""

import hashlib
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import urlsplit

from sessions_core.models import Workspace
from user_sessions.models import UserSessionPolicy

__all__ = ["SESSION_COOKIE", "cookie_names", "cookie_suffix", "publishable_key"]

# The session token of a browser, for the server of your application.
SESSION_COOKIE = "__session"


def publishable_key(workspace: Workspace) -> str:
    """Return the publishable key, which contains the host of the workspace in base64, for Clerk's SDKs."""
    host = urlsplit(UserSessionPolicy.of(workspace).issuer).netloc
    kind = "test" if workspace.is_sandbox else "live"
    return f"pk_{kind}_{b64encode(f'{host}$'.encode()).decode().rstrip('=')}"


def cookie_suffix(publishable_key: str) -> str:
    """Return the suffix of cookie names in SDKs, which separates two applications on one host."""
    return urlsafe_b64encode(hashlib.sha1(publishable_key.encode(), usedforsecurity=False).digest())[:8].decode()


def cookie_names(name: str, workspace: Workspace) -> tuple[str, str]:
    """Return the cookie's name and its suffixed twin: SDKs prefer the one with the suffix of their workspace."""
    return name, f"{name}_{cookie_suffix(publishable_key(workspace))}"
