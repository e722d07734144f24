"""Process trees, as the kernel's ``/proc`` shows them, and how to end one wholly."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path


def become_subreaper() -> None:
    """Orphans below this process become its children instead of init's, so none can get away."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def descendants(pid: int, keep: frozenset[int] = frozenset()) -> list[int]:
    """Living processes below ``pid``, whatever their session or group; no zombies, and not the trees under ``keep``."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in _children(waiting.pop()):
            if child in keep:
                continue
            waiting.append(child)
            if _state(child) not in "ZX":
                found.append(child)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"


def command(pid: int) -> str:
    """What ``ps`` would show, for messages."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "?"
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()[:120] or "?"


def resident(pid: int) -> int:
    """Bytes in memory that are not mapped from files, those shared with other processes included."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def reap() -> None:
    """Collect every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def kill_descendants(pid: int, keep: frozenset[int] = frozenset(), patience: float = 10.0) -> None:
    """SIGKILL everything below ``pid``, again and again until nothing is left; trees under ``keep`` live."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        victims = descendants(pid, keep)
        if pid == os.getpid():
            reap()
        if not victims:
            return
        for victim in victims:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(victim, signal.SIGKILL)
        time.sleep(0.002)
