"""The chart of docs/performance.md: one bar per operation, as SVG without scripts, for light and dark pages."""

from collections.abc import Iterator
from html import escape
from typing import Any

from benchmarks import report

# Pixels
WIDTH, LABELS, ROW, TOP, RIGHT = 820, 250, 30, 64, 56
BAR = 14

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1b2b34 }
  .ground { fill: #fff }
  .quiet { fill: #52606a; font-size: 12px }
  .line { stroke: #c6d2d9 }
  .now { fill: #417690 }
  .before { fill: #b3c6d0 }
  .peer { fill: #c4562f }
  .goal { stroke: #1b2b34; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8eef1 }
    .ground { fill: #14191c }
    .quiet { fill: #a9b8c0 }
    .line { stroke: #43535c }
    .now { fill: #6fb1d1 }
    .before { fill: #4d626d }
    .peer { fill: #ef8a63 }
    .goal { stroke: #e8eef1 }
  }
"""


def chart(run: report.Run) -> str:
    """Return the operations of a run as SVG."""
    rows = [row for row in report.of(run, run["projects"][0]) if row["share"] is not None]
    height = TOP + ROW * len(rows) + 40
    title = f"Share of a bare REST framework view's requests per second; {run['database']}, {run['server']}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
            '  aria-labelledby="title">',
            f'  <title id="title">{escape(title)}</title>',
            f"  <style>{STYLE}  </style>",
            f'  <rect class="ground" width="{WIDTH}" height="{height}" rx="10"/>',
            *_legend(run),
            *_axis(height),
            *(line for number, row in enumerate(rows) for line in _bars(run, row, TOP + ROW * number)),
            "</svg>\n",
        ]
    )


def _x(share: float) -> float:
    """Return the position of a share. Shares above 1 end at the right edge."""
    return round(LABELS + min(share, 1) * (WIDTH - LABELS - RIGHT), 1)


def _legend(run: report.Run) -> Iterator[str]:
    shown = [
        ("now", "Gatepass"),
        ("before", f"before ({run['projects'][-1].rpartition(' ')[2]})"),
        ("peer", "best peer"),
    ]
    is_compared, left = len(run["projects"]) > 1, LABELS
    for kind, name in shown:
        if kind == "before" and not is_compared:
            continue
        yield f'  <rect class="{kind}" x="{left}" y="14" width="12" height="12"/>'
        yield f'  <text x="{left + 18}" y="25">{escape(name)}</text>'
        left += 150
    yield f'  <line class="goal" x1="{left}" y1="12" x2="{left}" y2="28"/><text x="{left + 10}" y="25">goal</text>'


def _axis(height: int) -> Iterator[str]:
    for tenths in range(0, 11, 2):
        x = _x(tenths / 10)
        yield f'  <line class="line" x1="{x}" y1="{TOP - 14}" x2="{x}" y2="{height - 30}"/>'
        yield f'  <text class="quiet" x="{x}" y="{TOP - 20}" text-anchor="middle">{tenths / 10:.1f}</text>'
    yield f'  <text class="quiet" x="{LABELS}" y="{height - 10}">requests per second, divided by a bare view\'s</text>'


def _bars(run: report.Run, row: report.Row, y: int) -> Iterator[str]:
    before, peer = report.earlier(run, row["name"]), report.best_peer(run, row)
    aim = report.goal(row).on(run["database"])
    yield f'  <text x="{LABELS - 10}" y="{y + BAR - 1}" text-anchor="end">{escape(row["name"])}</text>'
    yield _bar("now", row["share"], y, BAR)
    if before is not None and before["share"] is not None:
        yield _bar("before", before["share"], y + BAR + 1, 5)
    if peer is not None:
        yield f'  <circle class="peer" cx="{_x(peer["share"])}" cy="{y + BAR / 2}" r="5"/>'
    if aim is not None:
        yield f'  <line class="goal" x1="{_x(aim)}" y1="{y - 3}" x2="{_x(aim)}" y2="{y + BAR + 3}"/>'
    yield f'  <text class="quiet" x="{WIDTH - 8}" y="{y + BAR - 1}" text-anchor="end">{row["share"]:.2f}</text>'


def _bar(kind: str, share: Any, y: int, height: int) -> str:
    return f'  <rect class="{kind}" x="{LABELS}" y="{y}" width="{_x(share) - LABELS:.1f}" height="{height}"/>'
