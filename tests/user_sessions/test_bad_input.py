"""Any input gets a response in Clerk's format and leaves no partial write."""

import json
from contextlib import suppress
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import WRONG, fuzz, parameters_of, texts, values
from user_sessions.clerk.errors import ClerkError
from user_sessions.models import UserSession
from user_sessions.users import find, key_of, user_id


def is_refused(response) -> bool:
    error = json.loads(response.content)["errors"][0]
    assert error["message"] and error["long_message"] and error["code"]
    return 400 <= response.status_code < 500


@fuzz
@given(body=st.dictionaries(st.sampled_from(["user_id", "active_organization_id", "x"]), values, max_size=3))
def test_any_invalid_body_is_refused(backend, body):
    assert is_refused(backend.request("POST", "v1/sessions", body))
    assert not UserSession.objects.exists()


@fuzz
@given(seconds=values.filter(lambda value: value is not None and not (isinstance(value, int | float) and value >= 30)))
def test_any_invalid_lifetime_is_refused(backend, session, seconds):
    assert is_refused(backend.post(f"v1/sessions/{session.pk}/tokens", expires_in_seconds=seconds))


@fuzz
@given(body=st.binary(min_size=1, max_size=60))
def test_any_bytes_are_refused(backend, body):
    assert is_refused(backend.request("POST", "v1/sessions", body))


@fuzz
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["user_id", "client_id", "status", "limit", "offset", "paginated", "__clerk_api_version"]),
            st.binary(max_size=20),
        ),
        max_size=4,
    )
)
def test_any_query_gets_an_answer(backend, pairs):
    response = backend.get("v1/sessions", "?" + "&".join(f"{name}={quote(value)}" for name, value in pairs))
    assert response.status_code == 200 or is_refused(response)


@fuzz
@given(id=texts)
def test_any_text_is_not_a_user_id(workspace, id):
    assert find(workspace, id) is None


def test_every_problem_of_a_parameter_has_a_message():
    declared = list(parameters_of("user_sessions.clerk"))
    assert len(declared) >= 15
    for parameters in declared:
        for name, value in product(parameters.declared, WRONG):
            with suppress(ClerkError):
                parameters.read({name: value}, name)


# A proxy or a log that reads the first value would see another one than we do.
TWICE = [b'{"user_id": "user_1", "user_id": "user_2"}', b'{"user_id": "user_1", "x": [{"a": 1, "a": 1}]}']


@pytest.mark.parametrize(
    "body", [b"[]", b"5", b'"x"', b"null", b"[" * 100_000, b'{"user_id": NaN}', b"\xff\xfe", *TWICE]
)
def test_a_body_must_be_a_json_object(backend, body):
    response = backend.request("POST", "v1/sessions", body)
    assert (response.status_code, response.error) == (400, "request_body_invalid")


def test_a_huge_body_is_refused(backend):
    response = backend.request("POST", "v1/sessions", json.dumps({"user_id": "x" * 2_000_000}).encode())
    assert (response.status_code, response.error) == (413, "request_body_too_large")


def test_an_id_has_one_spelling(workspace, u1):
    assert find(workspace, user_id(u1.pk)) == u1
    for other in (f"user_0{u1.pk}", f"user_+{u1.pk}", f"user_ {u1.pk}", f"USER_{u1.pk}", str(u1.pk), f"user_{u1.pk}.0"):
        assert key_of(other) is None


def test_a_query_of_thousands_of_parameters_is_refused(backend):
    response = backend.get("v1/sessions", "?" + "&".join(f"user_id={n}" for n in range(2000)))
    assert (response.status_code, response.error) == (400, "malformed_request_parameters")


def test_a_chunked_body_is_refused_and_not_ignored(backend, session):
    response = backend.request("POST", f"v1/sessions/{session.pk}/tokens", transfer_encoding="chunked")
    assert (response.status_code, response.error) == (411, "content_length_required")
