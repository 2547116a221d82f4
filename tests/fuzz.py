"""Invalid values for parameters."""

import sys
from collections.abc import Iterator

from django.urls import get_resolver
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sessions_core.http.parameters import DeclaredParameters
from tests.embedded import examples

ODD = [
    *("\x00", "\ud800", "a\x00b", "💥", "{}", "' OR 1=1 --", "%s", "../..", "9" * 400, "{urn:uuid}", "١٢٣"),
    *("user_\x00", "user_\ud800", "user_-1", "user_1e3", "user_" + "9" * 19, "user_ 1"),
]
# Values with each kind of problem that a parameter can have.
WRONG = [
    *(None, True, 1.5, -1, 10**400, "", "x", "\x00", "x" * 20_000, [], ["", "\x00", None], ["x"] * 10_001),
    *({}, {"": {}}, {"a": [[float("inf")]]}, {"a": "x" * 70_000}, {"a": 2**60}, {"a": ""}, {"x" * 50: 1}),
    {str(number): number for number in range(60)},
]
texts = st.text(st.characters(), max_size=40) | st.sampled_from(ODD)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
fuzz = settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def parameters_of(package: str) -> Iterator[DeclaredParameters]:
    """Yield the parameters that the modules of a package declare."""
    assert get_resolver().url_patterns  # imports every view
    for name, module in list(sys.modules.items()):
        if name.startswith(package):
            yield from (value for value in vars(module).values() if isinstance(value, DeclaredParameters))
