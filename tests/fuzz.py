"""Values that nobody should send."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.embedded import examples

ODD = [
    *("\x00", "\ud800", "a\x00b", "💥", "{}", "' OR 1=1 --", "%s", "../..", "9" * 400, "{urn:uuid}", "١٢٣"),
    *("user_\x00", "user_\ud800", "user_-1", "user_1e3", "user_" + "9" * 19, "user_ 1"),
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
