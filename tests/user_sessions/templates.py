"""The shortcode values of two users, and a helper that renders a template."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from user_sessions.profiles import UserProfile
from user_sessions.templating.shortcodes import Template, values_of

CREATED = datetime(2024, 5, 6, 7, 8, 9, 999_999, tzinfo=UTC)
SEEN = datetime(2025, 1, 1, tzinfo=UTC)
INTERESTS = ["hiking", "knitting"]

U1 = values_of(
    UserProfile(
        created_at=CREATED,
        updated_at=SEEN,
        external_id="ext-1",
        first_name="Maria",
        last_name="Doe",
        primary_email_address="maria@example.com",
        primary_phone_number="+15555550100",
        email_verified=True,
        image_url="https://img.example.com/maria",
        has_image=True,
        two_factor_enabled=True,
        last_sign_in_at=SEEN,
        public_metadata={"profile": {"interests": INTERESTS}, "age": 0, "empty": "", "größe": 3, "zip-code": "x"},
        unsafe_metadata={"theme": "dark"},
        private_metadata={"secret": "hush-hush"},
        organizations={"org_1": "org:admin"},
    ),
    user_id="user_1",
    impersonator={"sub": "user_9"},
    reverification_id="sver_1",
    amr=["pwd", "otp", "mfa"],
    verified_at=SEEN,
)
U2 = values_of(
    UserProfile(created_at=CREATED, updated_at=CREATED), user_id="user_2", verified_at=datetime.fromtimestamp(0, UTC)
)


def rendered(value: Any, values: Mapping[str, Any] = U1) -> Any:
    return Template.compile({"claim": value}).render(values)["claim"]


def with_metadata(value: Any) -> dict[str, Any]:
    return values_of(
        UserProfile(created_at=CREATED, updated_at=CREATED, public_metadata={"x": value}), user_id="user_3"
    )
