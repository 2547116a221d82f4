"""Cookies by which an app's server knows its user, as ``Set-Cookie`` directives."""

from base64 import b64encode
from urllib.parse import urlsplit

from sessions_core.models import Workspace
from user_sessions.tokens import cookie_suffix

__all__ = ["publishable_key", "session_cookies"]

# Seconds. The token inside is over long before; its cookie says whose it was.
MAX_AGE = 365 * 24 * 60 * 60


def publishable_key(workspace: Workspace) -> str:
    """The key that tells the SDKs of this dialect where the workspace is: its host, in base64."""
    host = urlsplit(workspace.issuer).netloc
    kind = "test" if workspace.is_sandbox else "live"
    return f"pk_{kind}_{b64encode(f'{host}$'.encode()).decode().rstrip('=')}"


def session_cookies(token: str, workspace: Workspace, *, suffixed: bool) -> list[str]:
    """``__session``, which pages may read, and its twin with a suffix where it is asked for; the last one counts."""
    secure = "; Secure" if workspace.issuer.startswith("https:") else ""
    names = ["__session", *([f"__session_{cookie_suffix(publishable_key(workspace))}"] if suffixed else [])]
    return [f"{name}={token}; Path=/; Max-Age={MAX_AGE}; SameSite=Lax{secure}" for name in names]
