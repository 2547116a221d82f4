"""The reasons to reject a token: one class each, with a stable ``code``."""

__all__ = [
    "BadClaim",
    "BadSignature",
    "Expired",
    "KeysUnavailable",
    "Malformed",
    "MissingClaim",
    "NotYetValid",
    "PendingSession",
    "TokenRejected",
    "UnknownKey",
    "WrongAlgorithm",
    "WrongAudience",
    "WrongIssuer",
    "WrongKind",
    "WrongParty",
]


class TokenRejected(Exception):
    """The token is rejected. The message contains nothing of the token except the name of a standard claim."""

    code = "token_rejected"

    def __str__(self) -> str:
        return ": ".join([self.code, *map(str, self.args)])


class Malformed(TokenRejected):
    """The text is not a signed token in strict form."""

    code = "malformed"


class WrongKind(TokenRejected):
    """The token is not a session token, for example a token from a JWT template."""

    code = "wrong_kind"


class UnknownKey(TokenRejected):
    """No current key has the key id of the token."""

    code = "unknown_key"


class WrongAlgorithm(TokenRejected):
    """The algorithm of the token is not the algorithm of its key."""

    code = "wrong_algorithm"


class BadSignature(TokenRejected):
    """The signature does not match the token and its key."""

    code = "bad_signature"


class MissingClaim(TokenRejected):
    """A required claim is missing."""

    code = "missing_claim"


class BadClaim(TokenRejected):
    """A claim has the wrong type or an invalid value."""

    code = "bad_claim"


class WrongIssuer(TokenRejected):
    """The issuer is another workspace."""

    code = "wrong_issuer"


class WrongParty(TokenRejected):
    """The origin that requested the token is missing, or is not an authorized party."""

    code = "wrong_party"


class WrongAudience(TokenRejected):
    """The token has another audience, or no audience where one is required."""

    code = "wrong_audience"


class Expired(TokenRejected):
    """The token has expired."""

    code = "expired"


class NotYetValid(TokenRejected):
    """The token is not valid yet."""

    code = "not_yet_valid"


class PendingSession(TokenRejected):
    """The session is pending: the user must complete a task first."""

    code = "pending_session"


class KeysUnavailable(Exception):
    """The keys could not be fetched, so the token could not be checked. Respond with 503, not 401."""
