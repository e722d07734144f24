"""The child that is the snippet: walls up, then the file runs as ``__main__``, then one line says how it ended.

:func:`main` never returns. Reaching the last line is reported through a pipe with a number that the snippet was not
told, because nothing else tells ``os._exit(0)`` from success.
"""

from __future__ import annotations
import __future__

import ast
import atexit
import contextlib
import errno
import faulthandler
import fcntl
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Callable
from os import _exit  # a snippet may replace the one in the module
from pathlib import Path
from typing import Any, NoReturn

from scripts.verify import guards, imports
from scripts.verify.failure import describe
from scripts.verify.jobs import Job

PRIVATE_FD = 100  # where our own descriptors hide from loops over the small ones
GUARD = "__name__ == '__main__'"
FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
FILE_SHARE = 4  # of what all files may take, one may take a quarter: its end is an error with a line


def main(job: Job, pipes: dict[str, int], nonce: str, preload: list[str]) -> NoReturn:
    """Run the snippet of ``job`` and end the process."""
    own_pid = os.getpid()
    try:
        report_fd, output_fd = _furnish(job, pipes)

        def report(**what: Any) -> None:
            if os.getpid() == own_pid:  # what a snippet forks and lets run on speaks for nobody
                os.write(report_fd, json.dumps({"nonce": nonce, **what}).encode() + b"\n")

        _prepare_modules(job, preload)
        imports.allow(job.companions)
        guards.apply(job.guards, job.shown, job.readable, job.writable)
    except BaseException as error:  # our own fault, never the snippet's
        with contextlib.suppress(BaseException):
            os.write(2, f"the verifier failed to start: {error!r}\n".encode())
        _exit(70)
    try:
        _exit(_run(job.file, job.sha256, Streams(output_fd), report))
    finally:
        _exit(71)


def _furnish(job: Job, pipes: dict[str, int]) -> tuple[int, int]:
    """A session, streams, folder, environment and limits of its own; the descriptors to report to and to print to."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(pipes["import"], 1)
    os.dup2(pipes["errors"], 2)
    report_fd, output_fd, trace_fd = (
        fcntl.fcntl(pipes[name], fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD) for name in ("report", "output", "trace")
    )
    os.closerange(3, PRIVATE_FD)
    os.closerange(max(report_fd, output_fd, trace_fd) + 1, os.sysconf("SC_OPEN_MAX"))
    faulthandler.enable(trace_fd)
    for name in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(job.environment)
    for folder in job.writable:
        Path(folder).mkdir(parents=True)
    os.chdir(job.cwd)
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (job.disk // FILE_SHARE,) * 2)
    if job.device != "cuda" and (data := _data_size()):  # its driver maps far more than it uses; the watch remains
        resource.setrlimit(resource.RLIMIT_DATA, (data + job.memory,) * 2)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # if memory runs out all the same, take this one
    return report_fd, output_fd


def _data_size() -> int:
    """Bytes that already count towards ``RLIMIT_DATA``; 0 where that is unknown."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0


def _prepare_modules(job: Job, preload: list[str]) -> None:
    """What a fresh ``python -W error file.py`` would find, as near as a fork can come to it."""
    sys.argv = [job.file]
    tempfile.tempdir = None  # the zygote may have asked for it already
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    for name in job.hidden:
        del sys.modules[name]
    for name in preload:  # a submodule that only another snippet imports must not be found by attribute
        package, _, attribute = name.rpartition(".")
        if package and name not in job.imports and not name.startswith("torch."):
            vars(sys.modules.get(package, types.ModuleType(""))).pop(attribute, None)
    leave_to_the_zygote()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # a fork would inherit it; unseeded must mean random
    if job.device != "cpu":
        import torch

        torch.set_default_device(job.device)
    warnings.resetwarnings()
    warnings.simplefilter("default" if job.is_broken else "error")
    sys.warnoptions[:] = ["default" if job.is_broken else "error"]
    if job.is_broken:
        warnings.showwarning = lambda message, category, *_: print(f"{category.__name__}: {message}")


def leave_to_the_zygote() -> None:
    """Keep a fork from removing the folder that older torch (2.9 does) makes on import and removes when Python ends."""
    if folder := getattr(sys.modules.get("torch.distributed.nn.jit.instantiator"), "_TEMP_DIR", None):
        atexit.unregister(folder.cleanup)


class Streams:
    """Standard output and error. What is printed on import goes another way than what the main program prints."""

    def __init__(self, output_fd: int) -> None:
        self._output_fd = output_fd
        self._known = os.fstat(1), os.fstat(2)
        self.entered = False

    def enter(self) -> None:
        """From here on it is the main program that prints."""
        sys.stdout.flush()
        self.check()
        os.dup2(self._output_fd, 1)
        self._known = os.fstat(1), os.fstat(2)
        self.entered = True

    def check(self) -> None:
        """They are those that it was given.

        Raises:
            OSError: they are not.
        """
        if not all(os.path.samestat(a, b) for a, b in zip(self._known, (os.fstat(1), os.fstat(2)), strict=True)):
            raise OSError(errno.EBADF, "it replaced its standard output")


def _run(file: str, sha256: str, streams: Streams, report: Callable[..., None]) -> int:
    """Execute the file; the exit code."""
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=file, __builtins__=__builtins__, __cached__=None, __annotations__={})
    sys.modules["__main__"] = module
    troubles: list[dict[str, Any]] = []

    def trouble(kind: Any, error: BaseException | None, where: str) -> None:
        if not isinstance(error, SystemExit):
            troubles.append(describe(error or kind(), file) | {"where": where})

    sys.unraisablehook = lambda u: trouble(u.exc_type, u.exc_value, f"{u.err_msg or 'ignored in'} {u.object!r:.200}")
    threading.excepthook = lambda t: trouble(t.exc_type, t.exc_value, f"in thread {t.thread and t.thread.name}")
    started = time.perf_counter()
    try:
        on_import, as_main = _halves(file, sha256)
        exec(on_import, module.__dict__)
        if as_main:
            streams.enter()
            exec(as_main, module.__dict__)
        report(at="last line")
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads as the interpreter does
        atexit._run_exitfuncs()
        if threading.active_count() == 1:
            module.__dict__.clear()  # objects say their last words, such as "unclosed file"
        sys.stdout.flush()
        sys.stderr.flush()
        streams.check()
    except SystemExit as error:
        report(at="exit", error=describe(error, file), seconds=time.perf_counter() - started)
        return 1
    except BaseException as error:
        report(at="error", error=describe(error, file), seconds=time.perf_counter() - started)
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        return 1
    seconds = time.perf_counter() - started
    if troubles:
        report(at="error", error=troubles[0], seconds=seconds)
        return 1
    report(at="end", seconds=seconds, guarded=streams.entered)
    return 0


def _halves(file: str, sha256: str) -> tuple[types.CodeType, types.CodeType | None]:
    """What an import of the file would run, and what begins with ``if __name__ == "__main__"``, if there is that.

    Raises:
        ValueError: it is not what the verifier read, or it is empty.
    """
    source = Path(file).read_bytes()
    if hashlib.sha256(source).hexdigest() != sha256:
        raise ValueError("the file changed since the verifier read it; verify it again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compiling it will warn
        body = ast.parse(source, file).body
    if all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body):
        raise ValueError("the file is empty: it has no statement to run")
    guard = next(
        (n for n, node in enumerate(body) if isinstance(node, ast.If) and ast.unparse(node.test) == GUARD), None
    )
    whole = compile(source, file, "exec", dont_inherit=True)  # for what the parts would not be refused for
    if guard is None:
        return whole, None
    future = whole.co_flags & FUTURE
    parts = (ast.Module(half, []) for half in (body[:guard], body[guard:]))
    first, second = (compile(part, file, "exec", flags=future, dont_inherit=True) for part in parts)
    return first, second
