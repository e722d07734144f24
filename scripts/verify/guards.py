"""Walls around one snippet: what it may read, write, signal and reach.

Landlock confines files and signals, seccomp the network; both need no privilege and cannot be taken off again. What
they leave open (``chmod``), or all of it where the kernel has neither, an audit hook refuses from inside Python.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Guards = dict[str, str]

_PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _PR_SET_SECCOMP = 38, 21, 22
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read file, read directory
_WRITE_FILE, _TRUNCATE, _IOCTL = 1 << 1, 1 << 14, 1 << 15
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_ONLY_FOR_FOLDERS = ((1 << 16) - 1) & ~(1 << 0 | _WRITE_FILE | 1 << 2 | _TRUNCATE | _IOCTL)
_SCOPES = 1 << 0 | 1 << 1  # abstract sockets, signals
# machine: (audit architecture, socket system call)
_SECCOMP_ARCH = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING_SETUP = 425

_CLONE_NEWNS, _CLONE_NEWUSER, _MS_PRIVATE = 0x20000, 0x10000000, 0x44000
SHARED_MEMORY = "/dev/shm"

# What Python, torch, compilers, fonts and drivers read. No home folder, no repository: there are the secrets.
SYSTEM_PATHS = (
    "/usr",
    "/lib",
    "/lib64",
    "/lib32",
    "/bin",
    "/sbin",
    "/etc",
    "/opt",
    "/proc",
    "/sys",
    "/dev",
    "/nix/store",
)
DEVICE_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Version of Landlock in the running kernel, 0 when there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def available(kernel: bool = True) -> Guards:
    """Which guard stops what on this machine; ``kernel=False`` leaves only the audit hook, to test it."""
    abi = landlock_abi() if kernel else 0
    seccomp = kernel and platform.machine() in _SECCOMP_ARCH and sys.platform.startswith("linux")
    seccomp = seccomp and _libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0
    return {
        "files": f"landlock {abi}" if abi else "audit hook",
        "signals": f"landlock {abi}" if abi >= 6 else "audit hook",
        "network": "seccomp" if seccomp else "audit hook",
        "metadata": "audit hook",
        "shared memory": "namespace" if kernel and _succeeds(_private_shared_memory) else "refused",
    }


def apply(guards: Guards, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Confine the calling process and all its descendants for ever.

    Args:
        guards: what :func:`available` said; a guard it named and that cannot be put up raises ``OSError``.
        readable: paths that may be read, beside :data:`SYSTEM_PATHS`.
        writable: folders under which everything may be done.
    """
    writable = [os.path.realpath(path) for path in writable]
    if guards["shared memory"] == "namespace":
        _private_shared_memory()
        writable.append(SHARED_MEMORY)
    if sys.platform.startswith("linux"):
        _check(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        _drop_capabilities()
    if guards["files"].startswith("landlock"):
        _landlock(int(guards["files"].split()[1]), [*SYSTEM_PATHS, *readable], writable)
    if guards["network"] == "seccomp":
        _seccomp()
    sys.addaudithook(_audit_hook(writable, os.getpid()))


def _check(outcome: int, what: str) -> int:
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return outcome


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


def _private_shared_memory() -> None:
    """An empty ``/dev/shm`` that nobody else sees, for locks and tensors between a snippet's own processes."""
    libc, user, group = _libc(), os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) < 0:  # not privileged: the right to mount comes with a user namespace
        _check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _check(libc.mount(None, b"/", None, _MS_PRIVATE, None), "mount")
    shm = SHARED_MEMORY.encode()
    _check(libc.mount(b"tmpfs", shm, b"tmpfs", 0, b"size=256m,mode=1777"), f"mount {SHARED_MEMORY}")


def _drop_capabilities() -> None:
    """A snippet of root is nobody special."""
    header, nothing = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    _check(_libc().capset(header, nothing), "capset")


def _landlock(abi: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    libc = _libc()
    handled = _ALL_BY_ABI[min(abi, 5)]
    attributes = struct.pack("<QQQ", handled, 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _check(libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)), "landlock")

    def allow(path: str, access: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # not on this machine
        access &= handled if Path(path).is_dir() else handled & ~_ONLY_FOR_FOLDERS
        rule = struct.pack("<Qi", access, fd)
        _check(libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint(0)), f"landlock {path}")
        os.close(fd)

    for path in readable:
        allow(path, _READ)
    for path in (*DEVICE_FILES, *_accelerators()):
        allow(path, _READ | _WRITE_FILE | _TRUNCATE | _IOCTL)
    for path in writable:
        allow(path, handled)
    _check(libc.syscall(_LANDLOCK_RESTRICT, ruleset, ctypes.c_uint(0)), "landlock")
    os.close(ruleset)


def _accelerators() -> list[str]:
    return [str(path) for pattern in ("nvidia*", "kfd", "dri/*") for path in Path("/dev").glob(pattern)]


def _seccomp() -> None:
    """Allow local sockets only; refuse io_uring, which would go round the filter."""
    arch, socket_call = _SECCOMP_ARCH[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EACCES
    program = [
        (load, 0, 0, 4),  # architecture
        (equal, 0, 7, arch),
        (load, 0, 0, 0),  # number of the system call
        (at_least, 5, 0, 0x40000000),  # the x32 calls
        (equal, 4, 0, _IO_URING_SETUP),
        (equal, 0, 2, socket_call),
        (load, 0, 0, 16),  # its first argument, the address family
        (equal, 0, 1, 1),  # AF_UNIX
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    ]
    code = b"".join(struct.pack("<HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(buffer))
    _check(_libc().prctl(_PR_SET_SECCOMP, 2, filter_, 0, 0), "seccomp")


def _audit_hook(writable: list[str], own_pid: int) -> Callable[[str, tuple[Any, ...]], None]:
    """The refusals that Python itself can make; a kernel guard behind it catches what goes round Python."""
    prefixes = tuple(f"{path}/" for path in writable)
    write_flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def inside(path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True  # an open descriptor, which was judged when it was opened
        name = Path(os.fsdecode(path))
        entry = f"{os.path.realpath(name.parent)}/{name.name}"  # the entry itself, not what a link points to
        return entry.startswith(prefixes) or entry in DEVICE_FILES

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            writes = flags & write_flags if isinstance(flags, int) else set(mode or "") & set("wax+")
            if writes and not (inside(path) and inside(os.path.realpath(path) if isinstance(path, str) else path)):
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

    return hook


_PATHS_OF = {
    "os.chmod": 1, "os.chown": 1, "os.utime": 1, "os.setxattr": 1, "os.removexattr": 1, "os.remove": 1, "os.rmdir": 1,
    "os.mkdir": 1, "os.truncate": 1, "os.rename": 2, "os.link": 2, "shutil.rmtree": 1,
}  # fmt: skip


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
