"""The device that sent a request."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

from sessions_core.http.caller import client_address
from user_sessions.user_agents import Device, device_of

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["device_of_request"]


def device_of_request(request: "HttpRequest | Request") -> Device:
    """Return the device, from the address, ``User-Agent`` and client hints of its request."""
    return device_of(request.headers.get("user-agent", ""), client_address(request), headers=request.headers)
