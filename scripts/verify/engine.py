"""The controlling side: starts the zygote, keeps its slots busy, survives whatever happens to them."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.rows import BadReport, Row
from scripts.verify import procs
from scripts.verify.discover import ROOT
from scripts.verify.jobs import Job, environment
from scripts.verify.seen import Seen

LOST: Sequence[object] = ()  # compared by identity
RESTARTS = 5  # of a zygote, with no job that ends in between
BACKSTOP = 20.0  # seconds past its deadline after which a supervisor itself is taken for lost
START = "import sys; sys.path.insert(0, {!r}); from scripts.verify.zygote import main; sys.path.pop(0); main()"


class EngineError(Exception):
    """The zygote does not run: the environment is broken, not a snippet."""


@dataclass
class Slot:
    """A supervisor as seen from here."""

    link: socket.socket
    received: bytearray = field(default_factory=bytearray)
    pid: int | None = None
    lacking: frozenset[str] = frozenset()  # modules that were still to be imported when it began
    job: Job | None = None
    deadline: float = float("inf")


class Engine:
    """A zygote and its slots. Use as a context manager: whatever happens inside, nothing is left running."""

    def __init__(self, slots: int, folder: Path) -> None:
        self._wanted = slots
        self._preload: list[str] = []
        self._folder = folder
        self._slots: list[Slot] = []
        self._restarts = 0  # since a job ended as it should
        self._ready = False  # it has forked
        self._complete = False  # it has imported all that it was told to
        self._control = socket.socket(socket.AF_UNIX)  # until there is a real one

    def __enter__(self) -> Engine:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = self._folder / "zygote.log"
        self._start()
        return self

    def _start(self) -> None:
        self._ready = self._complete = False
        self._control.close()
        self._control, theirs = socket.socketpair()
        with theirs, self._log.open("wb") as log:
            self._zygote = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", START.format(str(ROOT)), str(theirs.fileno())],
                stdin=subprocess.PIPE,
                text=True,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[theirs.fileno()],
                env=environment(self._folder),
                cwd="/",
                start_new_session=True,  # Ctrl-C reaches only us, and we end the others in order
            )
        if self._preload:
            self.preload(self._preload)

    def preload(self, modules: Iterable[str]) -> None:
        """Say once what is worth importing before the forks, beside torch; the first run says it for its own jobs."""
        self._preload = sorted({"torch", *modules})
        assert self._zygote.stdin is not None
        with contextlib.suppress(OSError), self._zygote.stdin:  # a zygote that is gone shows in its slots
            json.dump(self._preload, self._zygote.stdin)

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.link.close()
        self._control.close()
        if self._zygote.stdin:
            self._zygote.stdin.close()
        if not self._complete:  # it would first import the rest
            procs.kill_descendants(self._zygote.pid)
            self._zygote.kill()
        try:
            self._zygote.wait(10)
        except subprocess.TimeoutExpired:
            procs.kill_descendants(self._zygote.pid)
            self._zygote.kill()
            self._zygote.wait()

    def run(self, jobs: Iterable[Job], finished: Callable[[Job, Seen], None]) -> None:
        """Run every job, in order as slots get free, and call ``finished`` for each as it ends."""
        waiting = deque(jobs)
        if not self._preload:
            self.preload(module for job in waiting for module in job.preload)
        with selectors.DefaultSelector() as selector:
            for _ in range(min(self._wanted, len(waiting))):
                self._open(selector)
            while selector.get_map():
                for key, _ in selector.select(1.0):
                    slot: Slot = key.data
                    if slot not in self._slots:  # closed with another of this round
                        continue
                    messages = self._receive(slot)
                    for message in messages:
                        if slot.job is not None:
                            self._restarts = 0
                            finished(slot.job, _seen(message))
                        self._give(slot, waiting)
                    if messages is LOST and slot.job is not None:
                        finished(slot.job, Seen())
                    if messages is LOST or (slot.pid and slot.job is None):
                        self._close(slot, selector)
                        if waiting:
                            self._open(selector)
                for slot in self._slots:
                    if time.monotonic() > slot.deadline and slot.pid:
                        slot.deadline = float("inf")
                        procs.kill_descendants(slot.pid)
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(slot.pid, signal.SIGKILL)

    def _open(self, selector: selectors.BaseSelector) -> None:
        """A new slot; its first message will be its process id."""
        if self._zygote.poll() is not None and self._ready:  # a snippet got at it: no kernel guard on this machine
            self._restarts += 1
            if self._restarts > RESTARTS:
                raise EngineError("python or torch does not stay:\n" + self._log.read_text(errors="replace"))
            self._start()
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):  # a zygote that is gone shows in the slot, as the end of its link
            socket.send_fds(self._control, [b"+"], [theirs.fileno()])
        slot = Slot(ours)
        self._slots.append(slot)
        selector.register(ours, selectors.EVENT_READ, slot)

    def _receive(self, slot: Slot) -> Sequence[object]:
        """Whole messages that have come in, or ``LOST`` when the supervisor is gone."""
        try:
            data = slot.link.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            if slot.pid is None and not self._ready:
                raise EngineError("python or torch does not start:\n" + self._log.read_text(errors="replace"))
            return LOST
        slot.received += data
        *lines, rest = slot.received.split(b"\n")
        slot.received = bytearray(rest)
        messages = [json.loads(line) for line in lines]
        if slot.pid is None and messages:
            first = Row(messages[0], "supervisor")
            slot.pid, slot.lacking, self._ready = first.get("pid", int), frozenset(first.texts("lacking")), True
            self._complete |= not slot.lacking
        return messages

    def _give(self, slot: Slot, waiting: deque[Job]) -> None:
        """The next job for which it has all that is worth having beforehand, if there is one."""
        slot.job = next((job for job in waiting if slot.lacking.isdisjoint(job.preload)), None)
        slot.deadline = float("inf")
        if slot.job is not None:
            waiting.remove(slot.job)
            slot.deadline = time.monotonic() + slot.job.timeout + BACKSTOP
            with contextlib.suppress(OSError):  # its end will be seen by the next read
                slot.link.sendall(json.dumps(asdict(slot.job)).encode() + b"\n")

    def _close(self, slot: Slot, selector: selectors.BaseSelector) -> None:
        """Hang up, and end what a killed supervisor may have left behind."""
        selector.unregister(slot.link)
        slot.link.close()
        self._slots.remove(slot)
        if slot.job is None:
            return
        unborn = [other for other in self._slots if other.pid is None]
        for other in unborn:  # it cannot be told from what was left behind: another takes its place
            self._close(other, selector)
        procs.kill_descendants(self._zygote.pid, keep=frozenset(other.pid for other in self._slots if other.pid))
        for _ in unborn:
            self._open(selector)


def _seen(message: object) -> Seen:
    """What a supervisor saw; nothing, when what it says makes no sense: then a snippet got at it."""
    try:
        return Seen.from_json(message)
    except BadReport:
        return Seen()
