"""The figures of operations: each is measured between two measurements of the bare view, in several rounds."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from typing import Any

from benchmarks.host.statements import COUNT, STATEMENTS
from benchmarks.load import Answers, Operation, Request, ask, drive, message
from benchmarks.processes import processor_seconds
from benchmarks.projects import Server

# Requests before the first round: they fill the caches of both threads, and the last one is counted.
WARM_UP = 20


@dataclass(kw_only=True)
class Round:
    """One measurement of a few seconds. ``processor`` has the microseconds of the server's processes per request."""

    rate: float
    share: float
    p50: float
    p95: float
    p99: float
    processor: float


@dataclass(kw_only=True)
class Figures:
    """What was measured of one operation of one project."""

    project: str
    name: str
    good: str = ""
    expected: int = 200
    statements: int | None = None
    bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    rounds: list[Round] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        """Return True if every answer was the expected one. Otherwise the figures are those of refusals."""
        return set(self.statuses) == {self.expected}

    def median(self, name: str) -> float:
        return statistics.median(getattr(each, name) for each in self.rounds) if self.rounds else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the medians. There is no ratio if an answer was not the expected one."""
        digits = {"rate": 1, "p50": 2, "p95": 2, "p99": 2, "processor": 0}
        shares = [round(each.share, 3) for each in self.rounds] if self.is_valid else []
        return {
            **{name: value for name, value in asdict(self).items() if name not in ("rounds", "statuses")},
            **{name: round(self.median(name), many) for name, many in digits.items()},
            "share": round(statistics.median(shares), 3) if shares else None,
            "shares": shares,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
        }


@dataclass(kw_only=True)
class Measured:
    """An operation with its server, its messages, and its figures so far."""

    operation: Operation
    server: Server
    bare: Server
    figures: Figures
    left: Iterator[bytes] = field(default_factory=lambda: iter(()))

    @classmethod
    def begin(cls, project: str, operation: Operation, server: Server, bare: Server) -> "Measured":
        """Warm the operation up, and count its statements and bytes."""
        figures = Figures(project=project, name=operation.name, good=operation.good, expected=operation.status)
        for request in islice(operation.requests if operation.is_once else cycle(operation.requests), WARM_UP):
            answer = ask(server.port, request, **{COUNT: "yes"})
            figures.bytes = answer.length or 0
            counted = answer.headers.get(STATEMENTS)
            figures.statements = None if counted is None else int(counted)
            if answer.status != operation.status:
                figures.statuses[answer.status] += 1
        return cls(operation=operation, server=server, bare=bare, figures=figures)

    def messages(self, number: int, rounds: int) -> Iterator[bytes]:
        """Return the messages of one round. Requests that are sent once are divided among the rounds."""
        if not self.operation.is_once:
            return cycle([message(each) for each in self.operation.requests])
        requests = self.operation.requests[WARM_UP:]
        share = len(requests) // rounds
        return iter([message(each) for each in requests[number * share : (number + 1) * share]])


BARE_REQUEST = Request("GET", "/bare")


def measure(
    all_measured: Sequence[Measured], *, rounds: int, seconds: float, seen: Callable[[str], object]
) -> list[Figures]:
    """Measure every operation in each round, and the bare view of its set-up before and after it."""
    for number in range(rounds):
        before: dict[int, float] = {}
        for each in all_measured:
            seen(f"round {number + 1} of {rounds}: {each.figures.project}, {each.figures.name}")
            bare = each.bare.port
            first = before.pop(bare, None) or _bare_rate(bare, seconds)
            started = processor_seconds(each.server.pid)
            answers = drive(each.server.port, each.messages(number, rounds), seconds=seconds)
            processor = processor_seconds(each.server.pid) - started
            before = {bare: _bare_rate(bare, seconds)}
            each.figures.statuses += answers.statuses
            each.figures.rounds.append(_round(answers, processor, (first + before[bare]) / 2))
    return [each.figures for each in all_measured]


def _round(answers: Answers, processor: float, bare: float) -> Round:
    return Round(
        rate=answers.rate,
        share=answers.rate / bare,
        p50=answers.percentile(50),
        p95=answers.percentile(95),
        p99=answers.percentile(99),
        processor=processor / max(len(answers.latencies), 1) * 1_000_000,
    )


def _bare_rate(port: int, seconds: float) -> float:
    answers = drive(port, cycle([message(BARE_REQUEST)]), seconds=seconds)
    if set(answers.statuses) != {200}:
        raise RuntimeError(f"the bare view answered {dict(answers.statuses)}")
    return answers.rate
