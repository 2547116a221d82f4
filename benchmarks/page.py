"""The tables and the chart of the documentation: ``python -m benchmarks.page [FILE]`` makes them from a JSON file.

It replaces what is between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` in docs/performance.md and in README.md.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.chart import chart
from benchmarks.memory import GOAL_AT_START, GOAL_OF_GROWTH
from benchmarks.projects import ROOT
from benchmarks.report import ON_PREPARED, Run, share

FIGURES = ROOT / "docs" / "performance.json"
PAGES = [ROOT / "docs" / "performance.md", ROOT / "README.md"]
CHART = ROOT / "docs" / "images" / "performance.svg"

# The rows of the short table.
SHORT = ["session token check", "host's view, same token again", "mint", "get session", "list of ten", "revoke session"]

Result = Mapping[str, Any]


def main(file: Path) -> None:
    result = json.loads(file.read_text())
    for page in PAGES:
        page.write_text(filled(page.read_text(), result))
    CHART.write_text(chart(runs_with_peers(result)[0]))


def filled(text: str, result: Result) -> str:
    """Return the text with each block made again."""
    for name, block in BLOCKS.items():
        start, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, has_block, rest = text.partition(start)
        if has_block:
            text = before + start + "".join(f"{line}\n" for line in block(result)) + end + rest.partition(end)[2]
    return text


def runs_with_peers(result: Result) -> list[Run]:
    """Return the smallest run of each database that has peers, PostgreSQL first."""
    chosen: dict[str, Run] = {}
    for run in sorted(result["runs"], key=lambda run: int(run["sessions"])):
        if run["server"].startswith("gunicorn") and run["server"] != ON_PREPARED:
            chosen.setdefault(run["database"], run)
    return [chosen[name] for name in sorted(chosen)]


def run_on_prepared(result: Result, database: str) -> Run | None:
    """Return the run on this database with prepared statements, or None."""
    wanted = (database, ON_PREPARED)
    return next((run for run in result["runs"] if (run["database"], run["server"]) == wanted), None)


def machine(result: Result) -> Iterator[str]:
    of, versions, run = result["machine"], result["versions"], runs_with_peers(result)[0]
    databases = " and ".join(dict.fromkeys(run["database"] for run in runs_with_peers(result)))
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    yield (
        f"Measured on {result['date']} at commit {result['commit']}: {of['processor']}, {of['cores']} cores, "
        f"{of['memory_gib']} GiB, {of['system']}, {databases}, {packages}. Medians of {run['rounds']} rounds of "
        f"{run['seconds']:g} s, {run['sessions']:,} rows of each kind, load average {of['load_before']} at the start."
    )


def operations(result: Result) -> Iterator[str]:
    """One table of all databases: the share, its goal, the share before, the best peer, and the share with prepared
    statements."""
    runs = [(run, run_on_prepared(result, run["database"])) for run in runs_with_peers(result)]
    first, _ = runs[0]
    compared = first["projects"][1:]
    columns = ["share", "goal", *(each.rpartition(" ")[2] for each in compared), "best peer"]
    names = [
        f"{run['database'].split('.')[0]}: {column}"
        for run, prepared in runs
        for column in [*columns, *(["prepared"] if prepared else [])]
    ]
    yield from _head("Operation", "Statements", *names)
    for row in report.of(first, first["projects"][0]):
        cells = []
        for run, prepared in runs:
            cells += _cells(run, row["name"], is_compared=bool(compared))
            cells += _cells(prepared, row["name"], is_compared=False)[:1] if prepared else []
        yield _line(row["name"], _plain(row["statements"]), *cells)


def _cells(run: Run, name: str, *, is_compared: bool) -> list[str]:
    row = report.find(run, run["projects"][0], name)
    if row is None:
        return ["-"] * (3 + is_compared)
    aim, peer = report.goal(row).on(run["database"]), report.best_peer(run, row)
    has_missed = aim is not None and row["share"] is not None and round(row["share"], 2) < aim
    mine = f"**{share(row)}**" if has_missed else share(row)
    before = [share(report.earlier(run, name))] if is_compared else []
    best = "-" if peer is None else f"{share(peer)} {peer['project']}"
    return [mine, "-" if aim is None else f"{aim:.2f}", *before, best]


def details(result: Result) -> Iterator[str]:
    """One table for each run, with the peers."""
    for run in result["runs"]:
        yield f"\n### {run['database']}, {run['server']}, {run['sessions']:,} rows\n"
        yield from _head(
            "Operation", "Requests/s", "Share", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "Statements", "Bytes"
        )
        for row in [*report.of(run, run["projects"][0]), *report.peers(run)]:
            times = [f"{row[name]:.1f}" for name in ("p50", "p95", "p99")]
            numbers = [f"{row['processor']:,.0f}", _plain(row["statements"]), f"{row['bytes']:,}"]
            yield _line(row["name"], f"{row['rate']:,.0f}", share(row), *times, *numbers)


def refused(result: Result) -> Iterator[str]:
    runs = runs_with_peers(result)
    names = [run["database"].split(".")[0] for run in runs]
    columns = [f"{name}: {column}" for name in names for column in ("CPU µs", "cost")]
    yield from _head("Request", "Beside", "Status", *columns)
    for row in report.refused(runs[0]):
        cells = [cell for run in runs for cell in _refused_cells(run, row["name"])]
        yield _line(row["name"], row["good"], report.statuses(row), *cells)


def _refused_cells(run: Run, name: str) -> list[str]:
    row = report.find(run, run["projects"][0], name)
    if row is None:
        return ["-", "-"]
    cost = report.cost_of(run, row)
    shown = "-" if cost is None else f"**{cost:.2f}**" if cost > 1.15 else f"{cost:.2f}"  # 15 % is noise
    return [f"{row['processor']:,.0f}", shown]


def memory(result: Result) -> Iterator[str]:
    runs, moments = runs_with_peers(result), ("start", "loaded")
    yield from _head("Worker", *(f"{run['database'].split('.')[0]}: {at}" for run in runs for at in moments))
    for name in runs[0]["memory"]:
        found = [run["memory"].get(name, {}) for run in runs]
        yield _line(name, *(f"{of[at]:.0f}" if of else "-" for of in found for at in moments))
    for of in result["memory"]:
        yield ""
        yield (
            f"{of['database']}, {of['requests']:,} requests of as many callers: a bare worker has {of['bare']:.1f} MiB "
            f"after start and {of['bare_after']:.1f} MiB after as many requests. A worker with Gatepass has "
            f"{of['start']:.1f} MiB after start (bare + {of['start'] - of['bare']:.1f}, goal {GOAL_AT_START}), "
            f"{of['half']:.1f} MiB after half of the requests and {of['after']:.1f} MiB after all "
            f"(+ {of['after'] - of['start']:.1f}, goal {GOAL_OF_GROWTH})."
        )


def short(result: Result) -> Iterator[str]:
    """The table of the README."""
    runs = runs_with_peers(result)
    names = [run["database"].split(".")[0] for run in runs]
    yield from _head("Operation", *(f"{name}{column}" for name in names for column in ("", ": best peer")))
    for name in SHORT:
        cells = [_cells(run, name, is_compared=False) for run in runs]
        yield _line(name, *(cell for mine, _, best in cells for cell in (mine.strip("*"), best)))


BLOCKS: Mapping[str, Callable[[Result], Iterator[str]]] = {
    "machine": machine,
    "operations": operations,
    "details": details,
    "refused": refused,
    "memory": memory,
    "short": short,
}


def _head(first: str, *rest: str) -> Iterator[str]:
    yield _line(first, *rest)
    yield "|---|" + "--:|" * len(rest)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(number: int | None) -> str:
    return "-" if number is None else str(number)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FIGURES)
