"""System calls that Python does not offer, by machine. Everything else of the kernel's guards is in terms of these."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import NamedTuple


class Machine(NamedTuple):
    """What the kernel calls things on one kind of processor."""

    audit: int  # the architecture, as a seccomp filter sees it
    socket: int
    clone: int
    pivot_root: int
    refused: tuple[int, ...]  # see REFUSED


# Refused outright, for what one snippet could leave to another, or do to what watches it: io_uring_setup, ptrace,
# shmget, semget, msgget, add_key, request_key, keyctl, fanotify_init, unshare, setns.
MACHINES = {
    "x86_64": Machine(0xC000003E, 41, 56, 155, (425, 101, 29, 64, 68, 248, 249, 250, 300, 272, 308)),
    "aarch64": Machine(0xC00000B7, 198, 220, 41, (425, 117, 194, 190, 186, 217, 218, 219, 262, 97, 268)),
}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # from here on all machines count alike
MOUNT_SETATTR = 442


def machine() -> Machine | None:
    """This machine, if it is one of those known and runs Linux."""
    return MACHINES.get(platform.machine()) if sys.platform.startswith("linux") else None


def libc() -> ctypes.CDLL:
    """The C library; it keeps ``errno`` for :func:`check`."""
    return ctypes.CDLL(None, use_errno=True)


def check(outcome: int, what: str) -> int:
    """The outcome of a call.

    Raises:
        OSError: it failed.
    """
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return outcome
