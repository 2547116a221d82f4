"""Places: a function of the host, and a local database in MaxMind's format."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.embedded import embedded
from user_sessions.places import Place, place_of

pytestmark = embedded

LINKOEPING = {
    "city": {"names": {"en": "Linköping"}},
    "country": {"iso_code": "SE"},
    "location": {"latitude": 58.4167, "longitude": 15.6167, "accuracy_radius": 76},
}

hanging = threading.Event()


def raising(address: str) -> Place:
    raise ValueError(f"no place for {address}")


def waiting(address: str) -> Place:
    hanging.wait(10)
    return Place(city="late")


def wrong(address: str) -> Any:
    return {"city": "Berlin"}


def hostile(address: str) -> Any:
    return Place(
        city="<b>\u202e\x00" + "x" * 10_000,
        country="<b>",
        latitude=float("nan"),
        longitude=1e9,
        accuracy_radius=-1,
    )


@pytest.fixture
def database(tmp_path, settings):
    """Return a function that writes a database of some networks."""
    path = tmp_path / "cities.mmdb"

    def write(networks: dict[str, Any]) -> Path:
        writer = MMDBWriter(6, ipv4_compatible=True, database_type="GeoLite2-City", float_type="f64")
        for network, record in networks.items():
            writer.insert_network(IPSet([network]), record)
        new = tmp_path / "new.mmdb"
        writer.to_db_file(str(new))
        new.rename(path)
        return path

    settings.USER_SESSIONS = {
        "PLACE_OF_ADDRESS": "user_sessions.places.in_place_database",
        "PLACE_DATABASE": write({"203.0.113.0/24": LINKOEPING}),
    }
    return write


@pytest.fixture
def place_from(settings):
    """Return a function that makes one of this module the host's, and asks it for the place of an address."""

    def place_from(function):
        settings.USER_SESSIONS = {"PLACE_OF_ADDRESS": f"{__name__}.{function.__name__}"}
        return place_of("192.0.2.7")

    return place_from


def test_the_database_tells_the_place_of_an_address(database):
    place = place_of("203.0.113.7")
    assert str(place) == "Linköping, SE"
    assert (round(place.latitude), round(place.longitude), place.accuracy_radius) == (58, 16, 76)


@pytest.mark.parametrize("address", ["198.51.100.1", "10.0.0.1", "::1", "no address", ""])
def test_an_address_that_is_not_in_the_database_has_no_place(database, address):
    assert place_of(address) == Place()


def test_a_database_that_is_replaced_is_read_again(database):
    assert place_of("203.0.113.7").country == "SE"
    time.sleep(0.01)
    database({"203.0.113.0/24": {"country": {"iso_code": "DE"}}})
    assert place_of("203.0.113.7") == Place(country="DE")


def test_without_a_function_no_place_is_known():
    assert place_of("203.0.113.7") == Place()


@pytest.mark.parametrize("path", ["/nowhere.mmdb", __file__], ids=["missing", "no database"])
def test_a_database_that_cannot_be_read_is_reported_and_ignored(settings, path, caplog):
    settings.USER_SESSIONS = {
        "PLACE_OF_ADDRESS": "user_sessions.places.in_place_database",
        "PLACE_DATABASE": path,
    }
    assert place_of("203.0.113.7") == Place()
    assert "user_sessions.E016" in {message.id for message in checks.run_checks()}
    assert "203.0.113.7" not in caplog.text


def test_a_function_that_raises_gives_no_place(place_from, caplog):
    assert place_from(raising) == Place()
    assert [record.getMessage() for record in caplog.records] == [f"{__name__}.raising raised ValueError."]


def test_a_function_that_hangs_does_not_hold_up_the_sign_in(place_from, caplog):
    began = time.monotonic()
    assert place_from(waiting) == Place()
    assert time.monotonic() - began < 3
    assert "did not return in time" in caplog.text
    hanging.set()


def test_a_result_that_is_no_place_is_ignored(place_from, caplog):
    assert place_from(wrong) == Place()
    assert caplog.records[0].levelno == logging.WARNING


def test_a_hostile_place_is_cut_and_cleaned(place_from):
    place = place_from(hostile)
    assert (place.city[:4], len(place.city), place.country) == ("<b>x", 80, "")
    assert (place.latitude, place.longitude, place.accuracy_radius) == (None, None, None)
