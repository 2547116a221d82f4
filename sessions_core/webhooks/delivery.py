"""The worker: takes messages that are due, sends them, and writes down what came of it.

All of the database happens in the worker's own thread and none of it while a message is under way; a pool of threads
does nothing but post. An endpoint is leased for each attempt, so it gets one message at a time from all workers
together. Whoever dies in between leaves the message due, and it is sent again under the same id.
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
from sessions_core.webhooks.models import DELETION_BATCH, WebhookMessage
from sessions_core.webhooks.posting import Network, post

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

THREADS = 16

# Seconds between looks at the database.
PAUSE = 1.0

# After a failure an endpoint rests this many times as long as it took: who never answers gets little of our time.
REST = 9

# Between two searches of a process for messages that are kept no longer: no index helps them, and no hour matters.
DELETE_EVERY = timedelta(hours=1)

GONE = "410"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``outcome`` is the status as text, or the name of what went wrong before there was any."""

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
        """Begin nothing new; what is under way is finished. Fit to be the handler of a signal."""
        self.is_stopping = True

    def run(self, *, once: bool = False) -> None:
        """Deliver until told to stop; or, ``once``, until nothing is due."""
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
        """Forget one batch of old messages; while there are more, the next one with the next look at the database."""
        at = self.clock()
        if self.is_stopping or (self.delete_next_at is not None and at < self.delete_next_at):
            return
        if WebhookMessage.objects.delete_settled(at=at) < DELETION_BATCH:
            self.delete_next_at = at + DELETE_EVERY

    def _settle(self, message: WebhookMessage, answer: Answer) -> None:
        at, endpoint = self.clock(), message.endpoint
        logger.info("%s to endpoint %s: %s", message.pk, endpoint.pk, answer.outcome)
        if answer.is_success:
            message.succeed(answer.outcome, at=at)
            endpoint.release(until=at)
            return
        message.fail(answer.outcome, at=at)
        if answer.outcome == GONE:
            endpoint.disable(actor="system:webhooks", reason="it answered 410 Gone", at=at)
        endpoint.release(until=at + REST * answer.took)


def attempt(message: WebhookMessage, *, at: datetime, network: Network) -> Answer:
    """Send it. Whatever goes wrong is the answer: nothing that one endpoint does may stop the others."""
    began = time.monotonic()
    try:
        target = Target.parse(message.endpoint.url, is_sandbox=message.endpoint.workspace.is_sandbox)
        outcome = str(post(target, message.body.encode(), headers(message, at=at), network=network))
    except Exception as error:
        outcome = type(error).__name__
    return Answer(outcome=outcome, took=timedelta(seconds=time.monotonic() - began))


def headers(message: WebhookMessage, *, at: datetime) -> dict[str, str]:
    """Of one attempt, under the names that Svix and Standard Webhooks look for. Raises CannotOpen."""
    seconds = str(int(at.timestamp()))
    signed = f"{message.pk}.{seconds}.{message.body}".encode()
    signatures = [tokens.webhook_signature(secret, signed) for secret in message.endpoint.secrets(at=at)]
    values = {"id": message.pk, "timestamp": seconds, "signature": " ".join(signatures)}
    return {
        "Content-Type": "application/json",
        "User-Agent": "Gatepass-Webhooks",
        **{f"{family}-{name}": value for family in ("svix", "webhook") for name, value in values.items()},
    }
