"""A world of its own for one snippet: processes, users, shared memory, and a root that holds only what it needs.

Needs no privilege where the kernel lets anybody make user namespaces. What a snippet cannot name it cannot read,
signal, watch or talk to, in C as little as in Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

from scripts.verify.syscalls import MOUNT_SETATTR, check, libc, machine

SHARED_MEMORY = "/dev/shm"
_NEWNS, _NEWIPC, _NEWUSER, _NEWPID = 0x20000, 0x08000000, 0x10000000, 0x20000000
_BIND, _PRIVATE, _DETACH = 0x5000, 0x44000, 2  # each with all that lies below
_NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8
_READ_ONLY, _NOSUID, _RECURSIVE, _AT_FDCWD = 1, 2, 0x8000, -100
_DEATH_SIGNAL = 1
OLD = "/.old"  # where the real root lies while the new one is made
EMPTY = ("/tmp", "/var/tmp", "/run", "/dev/shm", "/proc")
LINKS = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2"}


def start(work: Callable[[], None], status: int) -> int:
    """Begin new namespaces and run ``work`` there in a process of its own; the id of their init, from outside.

    That init does nothing but collect what ends, and write how ``work`` ended to the descriptor ``status``. Its end is
    the end of every process in there.

    Raises:
        OSError: the kernel does not allow it.
    """
    here = machine()
    assert here is not None
    user, group = os.getuid(), os.getgid()
    flags = _NEWNS | _NEWIPC | _NEWUSER | _NEWPID | signal.SIGCHLD
    fork = ctypes.PyDLL(None, use_errno=True).syscall  # as the interpreter forks: without letting go of its lock
    pid = check(fork(here.clone, flags, None, None, None, None), "clone")
    if pid:
        return pid
    try:
        libc().prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        child = os.fork()
        if child == 0:
            work()
        os.dup2(status, 0)
        os.closerange(1, os.sysconf("SC_OPEN_MAX"))
        _collect(child)
    finally:
        os._exit(70)


def _collect(child: int) -> None:
    """Reap until nothing is left; say how ``child`` ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.wait()
            if os.WIFSTOPPED(status):  # traced; nobody here traces
                os.kill(pid, signal.SIGKILL)
            elif pid == child:
                os.write(0, json.dumps(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def private_shared_memory() -> None:
    """An empty ``/dev/shm`` that nobody else sees, and nothing more: where the rest is not to be had."""
    c, user, group = libc(), os.getuid(), os.getgid()
    if c.unshare(_NEWNS) < 0:  # not privileged: the right to mount comes with a user namespace
        check(c.unshare(_NEWNS | _NEWUSER), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    check(c.mount(None, b"/", None, _PRIVATE, None), "mount")
    _mount("tmpfs", SHARED_MEMORY, "size=256m,mode=1777")


def furnish(shown: dict[str, str], writable: Iterable[str]) -> None:
    """Replace the root by an empty one that holds these paths; only ``writable`` may be written, and shared memory.

    Args:
        shown: what :func:`plan` made.
        writable: folders, by their real paths.

    Raises:
        OSError: the kernel does not allow it.
    """
    c, here = libc(), machine()
    assert here is not None
    check(c.mount(None, b"/", None, _PRIVATE, None), "mount")
    _mount("tmpfs", "/tmp", "size=16m,mode=755")
    os.mkdir(f"/tmp{OLD}")
    os.chdir("/tmp")
    check(c.syscall(here.pivot_root, b".", OLD[1:].encode()), "pivot_root")
    os.chdir("/")
    for path in EMPTY:
        os.makedirs(path, exist_ok=True)
    for path, target in (*shown.items(), *((path, path) for path in writable)):
        if target == path:
            _bind(path)
        elif not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
    _mount("tmpfs", SHARED_MEMORY, "size=256m,mode=1777")
    _mount("proc", "/proc", "", _NOSUID_NODEV_NOEXEC)
    check(c.umount2(OLD.encode(), _DETACH), "umount")
    os.rmdir(OLD)
    _attributes("/", _READ_ONLY | _NOSUID, 0, _RECURSIVE)
    for path in (*writable, SHARED_MEMORY):
        _attributes(path, 0, _READ_ONLY, 0)


def plan(paths: Iterable[str]) -> dict[str, str]:
    """What the new root holds: real paths, none of which lies in another, and links that lead to them."""
    links = dict(LINKS)
    real: set[str] = set()
    for path in paths:
        if os.path.lexists(target := os.path.realpath(path)):
            real.add(target)
            if target != path:
                links[path] = target
    tops = sorted(path for path in real if not any(path.startswith(f"{other}/") for other in real))
    return {path: path for path in tops} | links


def _bind(path: str) -> None:
    """Show what lies at ``path`` in the old root in the new one."""
    if os.path.isdir(f"{OLD}{path}"):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    check(libc().mount(f"{OLD}{path}".encode(), path.encode(), None, _BIND, None), f"mount {path}")


def _mount(kind: str, path: str, options: str, flags: int = 0) -> None:
    name = kind.encode()
    check(libc().mount(name, path.encode(), name, flags, options.encode() or None), f"mount {path}")


def _attributes(path: str, on: int, off: int, flags: int) -> None:
    wanted = struct.pack("<QQQQ", on, off, 0, 0)
    size = ctypes.c_size_t(len(wanted))
    outcome = libc().syscall(MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, wanted, size)
    check(outcome, f"mount_setattr {path}")
