"""Webhooks: what happened in a workspace is told to the addresses it gave, at least once.

An app *announces* some of its events. Each time one is recorded, a message is written in the same transaction for
every endpoint of the workspace; ``manage.py deliver_webhooks`` sends them.
"""

from sessions_core.webhooks.announced import announce

__all__ = ["announce"]
