"""Preview the token that a session would get from a JWT template, with lint findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from user_sessions.models import JwtTemplate, UserSession
from user_sessions.profiles import profile_of
from user_sessions.templating.shortcodes import RESERVED, RESERVED_IN_SESSION_TOKENS
from user_sessions.templating.template_lint import Finding, lint
from user_sessions.tokens.session_tokens import unsigned_session_token, unsigned_template_token
from user_sessions.tokens.signing import Unsigned

__all__ = ["Preview", "preview"]


@dataclass(frozen=True)
class Preview:
    """``claims`` are those of a token minted at this moment; ``size`` is the length of the token in bytes."""

    session_id: str
    claims: Mapping[str, Any]
    size: int
    findings: Sequence[Finding]


def preview(session: UserSession, template: JwtTemplate, *, at: datetime) -> Preview:
    """Preview the token of a live session. The token is signed only to measure it.

    Raise OutputTooLarge.
    """
    unsigned = _unsigned(session, template, at)
    token = unsigned.signed()
    findings = lint(
        template.claims_object(),
        rendered=unsigned.claims,
        token=token,
        private_metadata=profile_of(session.user).private_metadata,
        reserved=RESERVED_IN_SESSION_TOKENS if template.is_for_session_tokens else RESERVED,
    )
    return Preview(session.pk, unsigned.claims, len(token), findings)


def _unsigned(session: UserSession, template: JwtTemplate, at: datetime) -> Unsigned:
    if template.is_for_session_tokens:
        session.read_token_facts(at=at)
        session.own_claims = template.claims
        return unsigned_session_token(session, at=at)
    return unsigned_template_token(session, template, at=at)
