"""The errors of the domain that a dialect must answer."""


def errors_of(app: str, base: type[Exception]) -> list[type[Exception]]:
    """Every error of this app that extends ``base``, without those that only group others."""
    found = []
    for each in base.__subclasses__():
        if each.__module__.partition(".")[0] == app:
            found += errors_of(app, each) or [each]
    return found
