"""Walls around one snippet: what it may read, write, signal and reach.

Namespaces hide what is none of its business, Landlock confines files and signals, seccomp the network and what could be
left to another snippet; all need no privilege and cannot be taken off again. What they leave open, or all of it where
the kernel has none of them, an audit hook refuses from inside Python.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from scripts.verify import audit, namespaces
from scripts.verify.audit import DEVICE_FILES
from scripts.verify.syscalls import LANDLOCK_ADD, LANDLOCK_CREATE, LANDLOCK_RESTRICT, check, libc, machine

Guards = dict[str, str]

_PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _PR_SET_SECCOMP = 38, 21, 22
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read file, read directory
_WRITE_FILE, _TRUNCATE, _IOCTL = 1 << 1, 1 << 14, 1 << 15
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_ONLY_FOR_FOLDERS = ((1 << 16) - 1) & ~(1 << 0 | _WRITE_FILE | 1 << 2 | _TRUNCATE | _IOCTL)
_SCOPES = 1 << 0 | 1 << 1  # abstract sockets, signals

# What Python, torch, compilers, fonts and drivers read. No home folder, no repository: there are the secrets.
_ETC = (
    "alternatives fonts gai.conf group host.conf hosts inputrc ld.so.cache ld.so.conf ld.so.conf.d ld.so.preload "
    "localtime mime.types nsswitch.conf OpenCL os-release passwd protocols resolv.conf services ssl/openssl.cnf "
    "ssl/certs terminfo timezone vulkan"
)
SYSTEM_PATHS = (
    *("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/opt", "/proc", "/sys", "/nix/store"),
    *(f"/etc/{name}" for name in _ETC.split()),
)


def landlock_abi() -> int:
    """Version of Landlock in the running kernel, 0 when there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(libc().syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def available(kernel: bool = True) -> Guards:
    """Which guard stops what on this machine; ``kernel=False`` leaves only the audit hook, to test it."""
    abi = landlock_abi() if kernel else 0
    seccomp = kernel and machine() is not None and libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0
    whole = kernel and machine() is not None and _succeeds(_try_namespaces)
    memory = whole or (kernel and _succeeds(namespaces.private_shared_memory))
    return {
        "files": f"landlock {abi}" if abi else "audit hook",
        "signals": f"landlock {abi}" if abi >= 6 else "audit hook",
        "network": "seccomp" if seccomp else "audit hook",
        "metadata": "namespace" if whole else "audit hook",
        "processes": "namespace" if whole else "audit hook",
        "shared memory": "namespace" if memory else "refused",
    }


def shown(guards: Guards, readable: Iterable[str]) -> dict[str, str]:
    """What the file system of a snippet will hold beside its own folders; nothing where it is this machine's own."""
    if guards["processes"] != "namespace":
        return {}
    system = ("/etc", *(path for path in SYSTEM_PATHS if path != "/proc" and not path.startswith("/etc/")))
    return namespaces.plan([*system, *DEVICE_FILES, *_accelerators(), *readable])


def apply(guards: Guards, shown: dict[str, str], readable: Iterable[str], writable: Iterable[str]) -> None:
    """Confine the calling process and all its descendants for ever.

    Args:
        guards: what :func:`available` said; a guard it named and that cannot be put up raises ``OSError``.
        shown: what :func:`shown` made of the same paths.
        readable: paths that may be read, beside :data:`SYSTEM_PATHS`.
        writable: folders under which everything may be done.
    """
    readable = [*SYSTEM_PATHS, *readable]
    writable = [os.path.realpath(path) for path in writable]
    if guards["processes"] == "namespace":
        folder = Path.cwd()
        namespaces.furnish(shown, writable)
        os.chdir(folder)  # the same one, in the new root
    elif guards["shared memory"] == "namespace":
        namespaces.private_shared_memory()
    if guards["shared memory"] == "namespace":
        writable.append(namespaces.SHARED_MEMORY)
    if sys.platform.startswith("linux"):
        check(libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        _drop_capabilities()
    if guards["files"].startswith("landlock"):
        _landlock(int(guards["files"].split()[1]), readable, writable)
    if guards["network"] == "seccomp":
        _seccomp()
    sys.addaudithook(audit.hook(writable, os.getpid()))


def _succeeds(action: Callable[[], None]) -> bool:
    """Try something in a process of its own."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def _try_namespaces() -> None:
    """What a worker will do, with less in it.

    Raises:
        OSError: this kernel, or who set it up, does not allow it.
    """
    ours, theirs = os.pipe()

    def work() -> None:
        code = 1
        try:
            namespaces.furnish(namespaces.plan(["/usr", *DEVICE_FILES]), [])
            code = 0
        finally:
            os._exit(code)

    os.waitpid(namespaces.start(work, theirs), 0)
    os.close(theirs)
    if os.read(ours, 9) != b"0":
        raise PermissionError(errno.EPERM, "no namespaces")


def _drop_capabilities() -> None:
    """A snippet of root is nobody special."""
    header, nothing = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    check(libc().capset(header, nothing), "capset")


def _landlock(abi: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    c = libc()
    handled = _ALL_BY_ABI[min(abi, 5)]
    attributes = struct.pack("<QQQ", handled, 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = check(c.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)), "landlock")

    def allow(path: str, access: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # not on this machine
        access &= handled if Path(path).is_dir() else handled & ~_ONLY_FOR_FOLDERS
        rule = struct.pack("<Qi", access, fd)
        check(c.syscall(LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint(0)), f"landlock {path}")
        os.close(fd)

    for path in readable:
        allow(path, _READ)
    for path in (*DEVICE_FILES, *_accelerators()):
        allow(path, _READ | _WRITE_FILE | _TRUNCATE | _IOCTL)
    for path in writable:
        allow(path, handled)
    check(c.syscall(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint(0)), "landlock")
    os.close(ruleset)


def _accelerators() -> list[str]:
    return [str(path) for pattern in ("nvidia*", "kfd", "dri/*", "dxg") for path in Path("/dev").glob(pattern)]


def _seccomp() -> None:
    """Allow local sockets only; refuse what would go round the filter, or stay for the next snippet."""
    here = machine()
    assert here is not None
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EACCES
    count = len(here.refused)
    program = [
        (load, 0, 0, 4),  # architecture
        (equal, 0, count + 6, here.audit),
        (load, 0, 0, 0),  # number of the system call
        (at_least, count + 4, 0, 0x40000000),  # the x32 calls
        *((equal, count + 3 - i, 0, number) for i, number in enumerate(here.refused)),
        (equal, 0, 2, here.socket),
        (load, 0, 0, 16),  # its first argument, the address family
        (equal, 0, 1, 1),  # AF_UNIX
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    ]
    code = b"".join(struct.pack("<HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(buffer))
    check(libc().prctl(_PR_SET_SECCOMP, 2, filter_, 0, 0), "seccomp")
