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

from scripts.verify import namespaces, procs, worker
from scripts.verify.jobs import Job
from scripts.verify.seen import Seen

PIPES = ("import", "output", "errors", "report", "trace", "status")
WORKER = 2  # its process id in namespaces of its own
TICK = 0.05  # seconds between looks at memory, disk and processes
OUTPUT_LIMIT = 1 << 20  # bytes of each stream
PROCESS_LIMIT = 64
THREAD_LIMIT = 1024  # in all of these
FILE_LIMIT = 10_000  # of files and folders that lie in its own
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

    pid: int  # of the worker, or of the init of its namespaces
    init: bool  # which of the two
    streams: dict[int, bytearray]  # by descriptor: output, errors, report, trace
    names: dict[str, int]
    base: int  # bytes that the worker shares with us
    stopped: str = ""  # the status to give, once we have ended it
    message: str = ""
    code: int | None = None

    def tree(self) -> list[int]:
        """The worker and all its descendants."""
        return procs.descendants(self.pid if self.init else os.getpid())

    def worker(self) -> int | None:
        """The worker itself, as long as it lives."""
        if not self.init:
            return self.pid
        return next((pid for pid in self.tree() if procs.inner(pid) == WORKER), None)

    def lives(self) -> list[int]:
        """The init, as long as there is anything in its namespaces, however short each of it lives."""
        return [self.pid] if self.init and procs.alive(self.pid) else []

    def text(self, name: str) -> bytes:
        """What came through one of the pipes."""
        return bytes(self.streams[self.names[name]])


def supervise(job: Job, link: socket.socket, preload: list[str]) -> Seen:
    """Run one job to its end and describe the end; nothing of it is left alive."""
    pipes = {name: os.pipe() for name in PIPES}
    nonce = secrets.token_hex(16)
    started = time.perf_counter()

    def work() -> None:
        link.close()
        worker.main(job, {name: ends[1] for name, ends in pipes.items()}, nonce, preload)

    init = job.guards["processes"] == "namespace"
    pid = namespaces.start(work, pipes["status"][1]) if init else os.fork()
    if pid == 0:
        work()
    names = {name: ends[0] for name, ends in pipes.items()}
    for read, write in pipes.values():
        os.close(write)
        os.set_blocking(read, False)
    watch = Watch(pid, init, {read: bytearray() for read in names.values()}, names, procs.usage(os.getpid()).memory)
    try:
        _watch(watch, job, link, started + job.timeout)
        left = _stragglers(watch)
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
        early=len(watch.text("import")),
        output=(watch.text("import") + watch.text("output"))[:OUTPUT_LIMIT],
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
            if (code := _exit_code(watch)) is not None:
                watch.code = code
                return
            now = time.perf_counter()
            if watch.stopped:
                if now >= deadline:
                    os.kill(watch.pid, signal.SIGKILL)  # an init takes with it all that is in there
                continue
            if now >= deadline:
                watch.stopped, watch.message = "timeout", f"did not end within {job.timeout:g} s"
            elif max(map(len, watch.streams.values())) > OUTPUT_LIMIT:
                watch.stopped, watch.message = "output", f"printed more than {OUTPUT_LIMIT >> 20} MiB"
            elif now >= next_look:
                _look(watch, job)
                next_look = now + TICK
            if watch.stopped:  # faulthandler answers SIGABRT with the line, even where C code holds the interpreter
                with contextlib.suppress(ProcessLookupError):
                    if pid := watch.worker():
                        os.kill(pid, signal.SIGABRT)
                deadline = now + LAST_WORDS
    finally:
        if ended is not None:
            os.close(ended)


def _look(watch: Watch, job: Job) -> None:
    """Stop the worker when its tree uses too much of the machine."""
    tree = watch.tree()
    memory = threads = 0
    others: set[int] = set()  # that share no memory with us: they, or who forked them, ran another program
    files: dict[tuple[int, int], int] = {}
    for pid in tree:
        used = procs.usage(pid)
        if not used.forked or used.parent in others:
            others.add(pid)
        memory += max(0, used.memory - (0 if pid in others else watch.base))
        threads += used.threads
        files |= procs.unlinked(pid)
    found = [procs.sizes(folder, FILE_LIMIT) for folder in job.writable]
    if memory > job.memory:
        watch.stopped, watch.message = "memory", f"used more than {job.memory / 2**30:g} GiB"
    elif len(tree) > PROCESS_LIMIT:
        watch.stopped, watch.message = "crashed", f"started more than {PROCESS_LIMIT} processes"
    elif threads > THREAD_LIMIT:
        watch.stopped, watch.message = "crashed", f"started more than {THREAD_LIMIT} threads"
    elif sum(size for size, _ in found) + sum(files.values()) > job.disk:
        watch.stopped, watch.message = "output", f"wrote more than {job.disk / 2**30:g} GiB of files"
    elif sum(number for _, number in found) > FILE_LIMIT:
        watch.stopped, watch.message = "output", f"left more than {FILE_LIMIT} files"


def _exit_code(watch: Watch) -> int | None:
    """Reap whatever has ended; the worker's exit code if it is among it, or its init's word for it."""
    if said := watch.text("status"):
        return int(said)
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if not ended:
                return code
            if os.WIFSTOPPED(status):  # it wants to be traced; nobody here traces
                os.kill(ended, signal.SIGKILL)
            elif ended == watch.pid:
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


def _stragglers(watch: Watch) -> list[str]:
    """Processes that outlive the worker, after a moment in which helpers may end by themselves."""
    end = time.perf_counter() + FAREWELL
    while left := watch.tree() or watch.lives():
        procs.reap()
        if time.perf_counter() > end:
            break
        time.sleep(0.01)
    return [f"{procs.command(pid)} (process {procs.inner(pid)})" for pid in left]
