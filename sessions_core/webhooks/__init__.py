"""Webhooks: events of a workspace are sent to its endpoints, at least once.

An app *announces* event types. When such an event is recorded, the same transaction adds a message for each endpoint
of the workspace. ``manage.py deliver_webhooks`` sends the messages.
"""

from sessions_core.webhooks.announced import announce

__all__ = ["announce"]
