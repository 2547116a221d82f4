"""What a host's own models may do that ours cannot go along with."""

from django.contrib.auth import get_user_model
from django.db.models import Model

__all__ = ["manager_problem", "user_models"]


def user_models() -> list[type[Model]]:
    """Return the user model, its proxies and the models that inherit from it. Django sends a signal as the class of the
    row that was saved, so a receiver needs all of them."""
    models: list[type[Model]] = [get_user_model()]
    for model in models:
        models += model.__subclasses__()
    return models


def manager_problem(model: type[Model]) -> str | None:
    """Return why the rows that the default manager shows can never be narrowed, or None if they can."""
    try:
        query = model._default_manager.all().query
    except Exception:  # the host's own code, which may need a request, such as a current tenant
        return None
    if query.combinator:
        shape = f"a {query.combinator}"
    elif query.is_sliced:
        shape = "a slice"
    else:
        return None
    return (
        f"the default manager of {model.__name__} returns {shape}, which Django cannot filter. "
        "Put a manager that returns an ordinary queryset first, or name it in Meta.default_manager_name"
    )
