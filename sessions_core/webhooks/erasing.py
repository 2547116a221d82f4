"""Messages about one person: find them, and forget what they say."""

from collections.abc import Collection, Iterator

from sessions_core.batches import BATCH, batches
from sessions_core.webhooks.announced import impersonal_body
from sessions_core.webhooks.messages import WebhookMessage

__all__ = ["forget_messages", "messages_about"]


def messages_about(subjects: Collection[str]) -> Iterator[WebhookMessage]:
    """Yield the messages about events with these subjects."""
    for some in batches(subjects):
        found = WebhookMessage.objects.filter(event__subject__in=some)
        yield from found.select_related("event", "endpoint").order_by("event_id", "pk")


def forget_messages(subjects: Collection[str]) -> int:
    """Delete the settled messages about these subjects. Return how many messages were deleted or cleaned.

    A waiting message still tells its receiver that a session is over, so only what describes the person leaves its
    body.
    """
    settled, cleaned = [], []
    for message in messages_about(subjects):
        waits = message.next_attempt_at is not None
        body = impersonal_body(message.event.type, message.body) if waits else None
        if body is None:
            settled.append(message.pk)
        elif body != message.body:
            message.body = body
            cleaned.append(message)
    for some in batches(settled):
        WebhookMessage.objects.filter(pk__in=some).delete()
    WebhookMessage.objects.bulk_update(cleaned, ["body"], batch_size=BATCH)
    return len(settled) + len(cleaned)
