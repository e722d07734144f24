"""One slot: forks a worker for each job, watches it, ends its whole tree, says what it saw.

It never runs anything of a snippet. Its socket is also its lifeline: when the controller is gone, however it went, the
supervisor kills what it started and goes too.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.verify import procs, worker
from scripts.verify.jobs import Job
from scripts.verify.seen import Seen

TICK = 0.05  # seconds between looks at memory, disk and processes
OUTPUT_LIMIT = 1 << 20  # bytes of each stream
PROCESS_LIMIT = 64
LAST_WORDS = 1.0  # seconds that a stopped worker gets to say where it was
FAREWELL = 1.0  # seconds that helper processes get to end by themselves after their parent


class Gone(Exception):
    """The controller is gone."""


def serve(link: socket.socket, preload: list[str], lacking: list[str]) -> None:
    """Say what of ``preload`` is not there yet, then do jobs, one JSON line each, until the controller hangs up."""
    procs.become_subreaper()
    hidden = [name for name in sys.modules if name.split(".")[0] == "scripts"]  # in a child, looking copies their pages
    reader = link.makefile("rb")
    try:
        _send(link, {"pid": os.getpid(), "lacking": lacking})
        while line := reader.readline():
            _send(link, supervise(replace(Job(**json.loads(line)), hidden=hidden), link, preload).to_json())
    except (Gone, OSError):
        pass
    finally:
        procs.kill_descendants(os.getpid())


def _send(link: socket.socket, message: dict[str, Any]) -> None:
    link.sendall(json.dumps(message).encode() + b"\n")


@dataclass
class Watch:
    """A worker under observation."""

    pid: int
    streams: dict[int, bytearray]  # by descriptor: output, errors, report, trace
    names: dict[str, int]
    base: int  # bytes that the worker shares with us
    stopped: str = ""  # the status to give, once we have ended it
    message: str = ""
    code: int | None = None

    def text(self, name: str) -> bytes:
        """What came through one of the pipes."""
        return bytes(self.streams[self.names[name]])


def supervise(job: Job, link: socket.socket, preload: list[str]) -> Seen:
    """Run one job to its end and describe the end; nothing of it is left alive."""
    pipes = {name: os.pipe() for name in ("output", "errors", "report", "trace")}
    nonce = secrets.token_hex(16)
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        link.close()
        worker.main(job, {name: ends[1] for name, ends in pipes.items()}, nonce, preload)
    names = {name: ends[0] for name, ends in pipes.items()}
    for read, write in pipes.values():
        os.close(write)
        os.set_blocking(read, False)
    watch = Watch(pid, {read: bytearray() for read in names.values()}, names, procs.resident(os.getpid()))
    try:
        _watch(watch, job, link, started + job.timeout)
        left = _stragglers()
        _drain(watch)
    finally:
        procs.kill_descendants(os.getpid())
        if not Path("/proc").is_dir():  # macOS: the worker's group is all that can be found
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        for read in names.values():
            os.close(read)
    said = watch.text("report").decode(errors="backslashreplace").splitlines()
    return Seen(
        code=watch.code,
        stopped=watch.stopped,
        message=watch.message,
        reports=tuple(line for line in said if nonce in line),
        output=watch.text("output")[:OUTPUT_LIMIT],
        errors=watch.text("errors")[-20_000:].decode(errors="backslashreplace"),
        trace=watch.text("trace").decode(errors="backslashreplace"),
        left=tuple(left),
        seconds=time.perf_counter() - started,
    )


def _watch(watch: Watch, job: Job, link: socket.socket, deadline: float) -> None:
    """Return when the worker has ended, by itself or by us."""
    ended = os.pidfd_open(watch.pid) if hasattr(os, "pidfd_open") else None
    poll = select.poll()
    for fd in (*watch.streams, link.fileno(), *([ended] if ended is not None else [])):
        poll.register(fd, select.POLLIN)
    next_look = time.perf_counter() + TICK
    try:
        while True:
            for fd, _ in poll.poll(TICK * 1000 if ended is not None else 5):
                if fd == link.fileno():
                    raise Gone
                if fd in watch.streams and _read(watch, fd):
                    poll.unregister(fd)
            if (code := _exit_code(watch.pid)) is not None:
                watch.code = code
                return
            now = time.perf_counter()
            if watch.stopped:
                if now >= deadline:
                    os.kill(watch.pid, signal.SIGKILL)
                continue
            if now >= deadline:
                watch.stopped, watch.message = "timeout", f"did not end within {job.timeout:g} s"
            elif max(len(watch.text(name)) for name in ("output", "errors")) > OUTPUT_LIMIT:
                watch.stopped, watch.message = "output", f"printed more than {OUTPUT_LIMIT >> 20} MiB"
            elif now >= next_look:
                _look(watch, job)
                next_look = now + TICK
            if watch.stopped:  # faulthandler answers SIGABRT with the line, even where C code holds the interpreter
                with contextlib.suppress(ProcessLookupError):
                    os.kill(watch.pid, signal.SIGABRT)
                deadline = now + LAST_WORDS
    finally:
        if ended is not None:
            os.close(ended)


def _look(watch: Watch, job: Job) -> None:
    """Stop the worker when its tree uses too much of the machine."""
    tree = procs.descendants(os.getpid())
    used = sum(max(0, procs.resident(pid) - watch.base) for pid in tree)
    if used > job.memory:
        watch.stopped, watch.message = "memory", f"used more than {job.memory / 2**30:g} GiB"
    elif len(tree) > PROCESS_LIMIT:
        watch.stopped, watch.message = "crashed", f"started more than {PROCESS_LIMIT} processes"
    elif sum(map(_size, job.writable)) > job.disk:
        watch.stopped, watch.message = "output", f"wrote more than {job.disk / 2**30:g} GiB of files"


def _size(folder: str) -> int:
    """Bytes on disk below a folder."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                total += _size(entry.path) if is_folder else entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _exit_code(pid: int) -> int | None:
    """Reap whatever has ended; the worker's exit code if it is among it."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if not ended:
                return code
            if ended == pid:
                code = os.waitstatus_to_exitcode(status)
    return code


def _read(watch: Watch, fd: int) -> bool:
    """Take what is there; whether the pipe is at its end. Past the limit it is read and thrown away."""
    with contextlib.suppress(BlockingIOError):
        data = os.read(fd, 1 << 16)
        if len(watch.streams[fd]) <= OUTPUT_LIMIT:
            watch.streams[fd] += data
        return not data
    return False


def _drain(watch: Watch) -> None:
    for fd, data in watch.streams.items():
        while len(data) <= OUTPUT_LIMIT:
            before = len(data)
            _read(watch, fd)
            if len(data) == before:
                break


def _stragglers() -> list[str]:
    """Processes that outlive the worker, after a moment in which helpers may end by themselves."""
    end = time.perf_counter() + FAREWELL
    while left := procs.descendants(os.getpid()):
        procs.reap()
        if time.perf_counter() > end:
            break
        time.sleep(0.01)
    return [f"{procs.command(pid)} (process {pid})" for pid in left]
