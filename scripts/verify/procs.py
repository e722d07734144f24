"""Process trees, as the kernel's ``/proc`` shows them, and how to end one wholly."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import sys
import time
from pathlib import Path
from typing import NamedTuple

_FORKED_NOT_EXECUTED = 0x40  # PF_FORKNOEXEC


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


def alive(pid: int) -> bool:
    """Whether there is such a process and it has not ended."""
    return _state(pid) not in "ZX"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"


def inner(pid: int) -> int:
    """The id of a process in its innermost namespace."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("\nNSpid:")[2].partition("\n")[0].split()[-1])
    except (OSError, ValueError, IndexError):
        return pid


def command(pid: int) -> str:
    """What ``ps`` would show, for messages."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "?"
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()[:120] or "?"


class Usage(NamedTuple):
    """What one process takes of the machine."""

    memory: int = 0  # bytes that are not mapped from files, those shared with other processes included
    threads: int = 0
    parent: int = 0
    forked: bool = True  # it runs what its parent ran, and shares much of its memory


def usage(pid: int) -> Usage:
    """What a process takes; nothing, when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        about = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return Usage()
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    memory = sum(int(values.get(name, "0").split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))
    return Usage(memory, int(values.get("Threads", "0")), int(about[1]), bool(int(about[6]) & _FORKED_NOT_EXECUTED))


def unlinked(pid: int) -> dict[tuple[int, int], int]:
    """Bytes of the files without a name that a process holds open, by device and inode."""
    found: dict[tuple[int, int], int] = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                about = entry.stat()
                if stat.S_ISREG(about.st_mode) and not about.st_nlink:
                    found[about.st_dev, about.st_ino] = about.st_blocks * 512
    return found


def sizes(folder: str, most: int) -> tuple[int, int]:
    """Bytes on disk below a folder, and how many files and folders; the count ends soon after ``most``."""
    total = number = 0
    waiting = [folder]
    while waiting and number <= most:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                number += 1
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total, number


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
