"""The processor time and the memory of a server's processes, from ``/proc``."""

import os
import re
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def processor_seconds(pid: int) -> float:
    """Return the seconds that the process and its descendants have computed, in user and in system mode."""
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(pid)]
    return sum(int(of[11]) + int(of[12]) for of in fields) / _TICKS


def resident_mib(pid: int) -> float:
    """Return the resident memory of the largest of these processes, which is a worker, in MiB."""
    return max(_resident_kib(each) for each in family(pid)) / 1024


def _resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0
