"""The errors that each API must map."""


def errors_of(app: str, base: type[Exception]) -> list[type[Exception]]:
    """Return every error of this app that extends ``base``, except base classes of others."""
    found = []
    for each in base.__subclasses__():
        if each.__module__.partition(".")[0] == app:
            found += errors_of(app, each) or [each]
    return found
