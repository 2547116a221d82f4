"""Why a token is not accepted: one class for each reason, with a ``code`` that stays the same."""

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
    """The token is not accepted. Its text never carries anything of the token but the name of a standard claim."""

    code = "token_rejected"

    def __str__(self) -> str:
        return ": ".join([self.code, *map(str, self.args)])


class Malformed(TokenRejected):
    """It is not written as a signed token is, or there would be two ways to read it."""

    code = "malformed"


class WrongKind(TokenRejected):
    """It is a token, but no session token: one made from a template, say."""

    code = "wrong_kind"


class UnknownKey(TokenRejected):
    """No key in use has the id that it names."""

    code = "unknown_key"


class WrongAlgorithm(TokenRejected):
    """It names another algorithm than the one its key is for."""

    code = "wrong_algorithm"


class BadSignature(TokenRejected):
    """Its key did not sign it, or it was changed since."""

    code = "bad_signature"


class MissingClaim(TokenRejected):
    """A claim that every session token has is not there."""

    code = "missing_claim"


class BadClaim(TokenRejected):
    """A claim has the wrong type, or a value that it never has."""

    code = "bad_claim"


class WrongIssuer(TokenRejected):
    """Another workspace issued it."""

    code = "wrong_issuer"


class WrongParty(TokenRejected):
    """It was asked for from an origin that is not among the authorized parties, or from none."""

    code = "wrong_party"


class WrongAudience(TokenRejected):
    """It is meant for somebody else, or for nobody in particular where an audience is asked for."""

    code = "wrong_audience"


class Expired(TokenRejected):
    """Its time is over."""

    code = "expired"


class NotYetValid(TokenRejected):
    """Its time has not come."""

    code = "not_yet_valid"


class PendingSession(TokenRejected):
    """The user still has something to do before the sign-in counts."""

    code = "pending_session"


class KeysUnavailable(Exception):
    """The keys could not be fetched, so nothing is known about the token. Answer 503, not 401."""
