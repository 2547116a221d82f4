"""The tables that the benchmark prints, made from its JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.goals import GOALS, Goal

Row = Mapping[str, Any]
Run = Mapping[str, Any]

# The set-up of a run in which PostgreSQL prepares the statements of every package.
ON_PREPARED = "gunicorn, gthread, 1 worker, 2 threads, prepared statements"


def printed(run: Run, *, first: Run | None = None) -> Iterator[str]:
    """Return the lines of a run: the operations, the peers, and the refused requests. ``first`` is a run with fewer
    rows, for the growth."""
    yield f"\n{run['database']}, {run['server']}, {run['sessions']:,} rows of each kind"
    yield (
        f"{'':<46}{'req/s':>8}{'/bare':>7}{'goal':>6}{'before':>8}{'growth':>8}"
        f"{'p50':>7}{'p95':>7}{'p99':>7}{'cpu us':>8}{'stmts':>6}{'bytes':>8}"
    )
    for row in [*of(run, run["projects"][0]), *peers(run)]:
        yield _line(run, row, first)
    yield f"\n{'refused':<46}{'req/s':>8}{'status':>8}{'cpu us':>8}{'cost':>8}  beside"
    for row in refused(run):
        cost = "-" if (times := cost_of(run, row)) is None else f"{times:.2f}"
        figures = f"{row['rate']:>8,.0f}{statuses(row):>8}{row['processor']:>8,.0f}{cost:>8}"
        yield f"{row['name']:<46}{figures}  {row['good']}"
    yield ""
    for name, memory in run["memory"].items():
        yield f"{name:<46}{memory['start']:>8.1f} MiB after start{memory['loaded']:>8.1f} MiB after load"


def of(run: Run, project: str) -> list[Row]:
    """Return the accepted operations of a project."""
    return [row for row in run["rows"] if row["project"] == project and not row["good"]]


def peers(run: Run) -> list[Row]:
    """Return the operations of the other packages."""
    return [row for row in run["rows"] if row["project"] not in run["projects"]]


def refused(run: Run) -> list[Row]:
    return [row for row in run["rows"] if row["project"] == run["projects"][0] and row["good"]]


def earlier(run: Run, name: str) -> Row | None:
    """Return this operation of the commit of ``--compare``."""
    return find(run, run["projects"][1], name) if len(run["projects"]) > 1 else None


def find(run: Run, project: str, name: str) -> Row | None:
    found = (row for row in run["rows"] if (row["project"], row["name"]) == (project, name))
    return next(found, None)


def goal(row: Row) -> Goal:
    return GOALS.get(row["name"], Goal())


def best_peer(run: Run, row: Row) -> Row | None:
    """Return the fastest operation of a peer that does the same job, if its answers were the expected ones."""
    rivals = [peer for peer in peers(run) if peer["name"] in goal(row).peers and peer["share"] is not None]
    return max(rivals, key=lambda peer: float(peer["share"]), default=None)


def cost_of(run: Run, row: Row) -> float | None:
    """Return the time of a refused request as a multiple of the accepted one. None if an answer was not as expected."""
    good = find(run, row["project"], row["good"])
    if good is None or not row["rate"] or None in (good["share"], row["share"]):
        return None
    return float(good["rate"]) / float(row["rate"])


def share(row: Row | None) -> str:
    """Return the share of the bare view or, if an answer was not the expected one, the statuses of the answers."""
    if row is None:
        return "-"
    return f"{row['share']:.2f}" if row["share"] is not None else statuses(row)


def statuses(row: Row) -> str:
    return "+".join("cut" if status == "0" else status for status in row["statuses"])


def _line(run: Run, row: Row, first: Run | None) -> str:
    wanted = goal(row).on(run["database"])
    aim = "-" if wanted is None else f"{wanted:.2f}"
    statements = "-" if row["statements"] is None else row["statements"]
    return (
        f"{row['name']:<46}{row['rate']:>8,.0f}{share(row):>7}{aim:>6}{share(earlier(run, row['name'])):>8}"
        f"{_growth(row, first):>8}{row['p50']:>7.1f}{row['p95']:>7.1f}{row['p99']:>7.1f}{row['processor']:>8,.0f}"
        f"{statements:>6}{row['bytes']:>8,}"
    )


def _growth(row: Row, first: Run | None) -> str:
    smaller = first and find(first, row["project"], row["name"])
    if not smaller or None in (smaller["share"], row["share"]):
        return "-"
    return f"{row['share'] / smaller['share']:.2f}"
