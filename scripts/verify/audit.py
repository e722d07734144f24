"""The refusals that Python itself can make; a kernel guard behind them catches what goes round Python."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEVICE_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PATHS_OF = {
    "os.chmod": 1, "os.chown": 1, "os.utime": 1, "os.setxattr": 1, "os.removexattr": 1, "os.remove": 1, "os.rmdir": 1,
    "os.mkdir": 1, "os.truncate": 1, "os.rename": 2, "os.link": 2, "shutil.rmtree": 1,
}  # fmt: skip


def hook(writable: list[str], own_pid: int) -> Callable[[str, tuple[Any, ...]], None]:
    """What to give to :func:`sys.addaudithook`.

    Args:
        writable: the folders in which everything may be done.
        own_pid: the worker, which with its descendants may be signalled.
    """
    prefixes = tuple(f"{path}/" for path in writable)
    write_flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def inside(path: Any, itself: bool = False) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True  # an open descriptor, which was judged when it was opened
        name = Path(os.fsdecode(path))
        entry = f"{os.path.realpath(name.parent)}/{name.name}"  # the entry itself, not what a link points to
        return entry.startswith(prefixes) or entry in DEVICE_FILES or (itself and entry in writable)

    def judge(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            writes = flags & write_flags if isinstance(flags, int) else set(mode or "") & set("wax+")
            real = os.path.realpath(path) if isinstance(path, str) else path
            if writes and not (inside(path, itself=True) and inside(real, itself=True)):  # itself: O_TMPFILE opens it
                raise PermissionError(errno.EACCES, "a snippet may write only to its working directory", path)
        elif event in _PATHS_OF:
            for path in args[: _PATHS_OF[event]]:
                if not inside(path):
                    raise PermissionError(errno.EACCES, "a snippet may change only its working directory", path)
        elif event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
            if event == "socket.getaddrinfo" or not isinstance(args[1], (str, bytes)):
                raise PermissionError(errno.EACCES, "a snippet may not use the network")
            if args[1] and args[1][:1] not in ("\0", b"\0") and not inside(args[1]):
                raise PermissionError(errno.EACCES, "a snippet may not talk to services of this machine", args[1])
        elif event in ("os.kill", "os.killpg") and not _own(args[0], own_pid):
            raise PermissionError(errno.EPERM, "a snippet may signal only its own processes")

    return judge


def _own(pid: Any, own_pid: int) -> bool:
    """Whether ``pid`` is the worker, its group, or one of its descendants."""
    if pid in (0, own_pid, -own_pid, os.getpid()):
        return True
    while isinstance(pid, int) and pid > 1:
        if pid == own_pid:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return False
    return False
