"""The worker that sends due messages and records the result.

Only the main thread of the worker uses the database; a pool of threads sends the requests. Each attempt leases its
endpoint, so all workers together send it one message at a time. If a worker dies, the message stays due and is sent
again with the same id.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from sessions_core.crypto import tokens
from sessions_core.webhooks.addresses import Target
from sessions_core.webhooks.messages import DELETION_BATCH, WebhookMessage
from sessions_core.webhooks.posting import Network, post

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

THREADS = 16

# Seconds between two queries for due messages.
PAUSE = 1.0

# After a failure the endpoint pauses this many times as long as the attempt took, so that a slow endpoint uses little
# of the worker's time.
REST = 9

# Interval between two deletions of old messages in a process. The query has no index, and its time is not important.
DELETE_EVERY = timedelta(hours=1)

GONE = "410"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of an attempt. ``outcome`` is the status as text, or the name of the exception."""

    outcome: str
    took: timedelta

    @property
    def is_success(self) -> bool:
        return self.outcome.startswith("2")


class Worker:
    def __init__(self, *, network: Network | None = None, clock: Callable[[], datetime] = timezone.now) -> None:
        self.network = network or Network()
        self.clock = clock
        self.is_stopping = False
        self.delete_next_at: datetime | None = None

    def stop(self, *_: object) -> None:
        """Start no new attempts and finish the running ones. Can be used as a signal handler."""
        self.is_stopping = True

    def run(self, *, once: bool = False) -> None:
        """Deliver until ``stop`` is called or, with ``once``, until no message is due."""
        under_way: dict[Future[Answer], WebhookMessage] = {}
        with ThreadPoolExecutor(THREADS) as pool:
            while True:
                self._delete_old()
                for message in self._claimed(THREADS - len(under_way)):
                    under_way[pool.submit(attempt, message, at=self.clock(), network=self.network)] = message
                if under_way:
                    for done in wait(under_way, PAUSE, FIRST_COMPLETED).done:
                        self._settle(under_way.pop(done), done.result())
                elif once or self.is_stopping:
                    return
                else:
                    time.sleep(PAUSE)

    def _claimed(self, most: int) -> "list[WebhookMessage]":
        return [] if self.is_stopping else list(WebhookMessage.objects.claim(at=self.clock(), most=most))

    def _delete_old(self) -> None:
        """Delete one batch of old messages. Do it again in the next turn while there are more."""
        at = self.clock()
        if self.is_stopping or (self.delete_next_at is not None and at < self.delete_next_at):
            return
        if WebhookMessage.objects.delete_settled(at=at) < DELETION_BATCH:
            self.delete_next_at = at + DELETE_EVERY

    def _settle(self, message: WebhookMessage, answer: Answer) -> None:
        at, endpoint = self.clock(), message.endpoint
        logger.info("%s to endpoint %s: %s", message.pk, endpoint.pk, answer.outcome)
        if answer.is_success:
            message.succeed(answer.outcome, at=at, took=answer.took)
            endpoint.release(until=at)
            return
        message.fail(answer.outcome, at=at, took=answer.took)
        if answer.outcome == GONE:
            endpoint.disable(actor="system:webhooks", reason="the endpoint responded with 410 Gone", at=at)
        endpoint.release(until=at + REST * answer.took)


def attempt(message: WebhookMessage, *, at: datetime, network: Network) -> Answer:
    """Send a message. Any exception becomes the outcome, so one endpoint cannot stop the worker."""
    began = time.monotonic()
    try:
        target = Target.parse(message.endpoint.url, is_sandbox=message.endpoint.workspace.is_sandbox)
        outcome = str(post(target, message.body.encode(), headers(message, at=at), network=network))
    except Exception as error:
        outcome = type(error).__name__
    return Answer(outcome=outcome, took=timedelta(seconds=time.monotonic() - began))


def headers(message: WebhookMessage, *, at: datetime) -> dict[str, str]:
    """Return the headers of an attempt, with the names of Svix and of Standard Webhooks. Raise CannotOpen."""
    seconds = str(int(at.timestamp()))
    signed = f"{message.pk}.{seconds}.{message.body}".encode()
    signatures = [tokens.webhook_signature(secret, signed) for secret in message.endpoint.secrets(at=at)]
    values = {"id": message.pk, "timestamp": seconds, "signature": " ".join(signatures)}
    return {
        "Content-Type": "application/json",
        "User-Agent": "Gatepass-Webhooks",
        **{f"{family}-{name}": value for family in ("svix", "webhook") for name, value in values.items()},
    }
