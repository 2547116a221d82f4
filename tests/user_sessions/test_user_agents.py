"""Devices: what ``User-Agent`` and client hints tell, and the form in which the address is kept."""

import pytest

from tests.embedded import embedded
from user_sessions.client_hints import hints_of
from user_sessions.user_agents import device_of

pytestmark = embedded

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5"
    " Mobile/15E148 Safari/604.1"
)
BRAVE = {"sec-ch-ua": '"Brave";v="142", "Chromium";v="142", "Not_A Brand";v="99"', "sec-ch-ua-platform": '"Windows"'}


def test_a_browser_without_hints_is_what_its_user_agent_says():
    device = device_of(IPHONE, "192.0.2.7")
    assert str(device) == "Mobile Safari 17.5 on iPhone, 192.0.2.7"
    assert (device.system, device.system_version, device.is_mobile) == ("iOS", "17.5", True)


def test_a_frozen_version_of_a_system_is_not_shown():
    device = device_of(CHROME, "192.0.2.7")
    assert (device.system, device.system_version) == ("Windows", "")


def test_a_frozen_model_of_a_phone_is_not_shown():
    assert device_of(PHONE, "192.0.2.7").device_type == "Android"


def test_a_hint_names_the_browser_that_user_agent_hides():
    assert device_of(CHROME, "192.0.2.7", headers=BRAVE).browser_name == "Brave"


@pytest.mark.parametrize(
    ("version", "shown"), [("15.0.0", "11"), ("13.0.0", "11"), ("10.0.0", "10"), ("0.3.0", ""), ("soon", "")]
)
def test_a_hint_tells_windows_11_from_windows_10(version, shown):
    headers = {**BRAVE, "sec-ch-ua-platform-version": f'"{version}"'}
    assert device_of(CHROME, "192.0.2.7", headers=headers).system_version == shown


def test_a_hint_names_the_model_of_a_phone():
    headers = {"sec-ch-ua-model": '"Pixel 8"', "sec-ch-ua-mobile": "?1", "sec-ch-ua-platform": '"Android"'}
    device = device_of(PHONE, "192.0.2.7", headers=headers)
    assert (device.device_type, device.is_mobile) == ("Pixel 8", True)


@pytest.mark.parametrize(
    "brands",
    ["", "?", '"Chromium";v="142"', '"Not:A-Brand";v="8"', "(1 2)", '"x', "\xff", "1, 2", '"a"' * 500],
    ids=["empty", "no list", "an engine", "no brand", "a list in a list", "open", "not ASCII", "numbers", "long"],
)
def test_hints_that_tell_no_browser_leave_the_user_agent(brands):
    assert device_of(CHROME, "192.0.2.7", headers={"sec-ch-ua": brands}).browser_name == "Chrome"


@pytest.mark.parametrize("name", ["sec-ch-ua-model", "sec-ch-ua-platform", "sec-ch-ua-mobile"])
@pytest.mark.parametrize("value", ["1", "?", "()", '"\\"', "a=b", "\x00", ":"])
def test_a_malformed_hint_tells_nothing(name, value):
    assert hints_of({name: value}) == hints_of({})


def test_what_a_caller_sends_is_shown_without_control_characters():
    device = device_of("\u202eevil/1.0", "192.0.2.7", headers={"sec-ch-ua": '"a b";v="1"', "sec-ch-ua-model": '"<b>"'})
    assert (device.browser_name, device.device_type) == ("a b", "<b>")


@pytest.mark.parametrize(
    ("form", "address", "stored"),
    [
        ("whole", "192.0.2.7", "192.0.2.7"),
        ("cut", "192.0.2.7", "192.0.2.0"),
        ("cut", "2001:db8:1:2::7", "2001:db8:1::"),
        ("cut", "::ffff:192.0.2.7", "192.0.2.0"),
        ("hashed", "192.0.2.7", None),
        ("none", "192.0.2.7", None),
        ("a typing error", "192.0.2.7", None),
        ("whole", "no address", None),
    ],
)
def test_an_address_is_kept_in_the_form_that_is_set(settings, form, address, stored):
    settings.USER_SESSIONS = {"ADDRESS_FORM": form}
    device = device_of(CHROME, address)
    assert device.ip_address == stored
    assert bool(device.address_hash) == (form == "hashed")
    assert "192.0.2.7" not in repr(device) or form == "whole"


@pytest.fixture
def hashed(settings):
    settings.USER_SESSIONS = {"ADDRESS_FORM": "hashed"}
    return lambda address: device_of(CHROME, address).address_hash


@pytest.mark.parametrize("other", ["192.0.2.7", "::ffff:192.0.2.7"])
def test_the_same_address_has_the_same_hash(hashed, other):
    assert hashed("192.0.2.7") == hashed(other) != hashed("192.0.2.8")


def test_the_addresses_of_one_ipv6_line_have_the_same_hash(hashed):
    assert hashed("2001:db8::1") == hashed("2001:db8::2") != hashed("2001:db8:0:1::1")


def test_a_new_token_key_gives_an_address_another_hash(hashed, settings):
    before = hashed("192.0.2.7")
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TOKEN_KEYS": ["k" * 40, *_keys(settings)]}
    assert hashed("192.0.2.7") != before


def _keys(settings):
    return settings.SESSIONS_CORE.get("TOKEN_KEYS", [])
