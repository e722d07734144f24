"""One verifier as the rest of the build uses it: report on everything, then again on what changed."""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from scripts.report import Report, Result, Shard
from scripts.verify import display, environment, guards, merge, outcome, run, shard
from scripts.verify.cache import Cache
from scripts.verify.discover import BadCall, Snippet, discover
from scripts.verify.engine import Engine, EngineError
from scripts.verify.jobs import Settings
from scripts.verify.preload import preload
from scripts.verify.refusals import ALLOWED, BY_NAME

VerifierProblem = (BadCall, EngineError)  # what to catch: bad input, or a Python or torch that does not start


@dataclass(frozen=True)
class Options:
    """What the command line offers, and whether a process with torch is kept for :meth:`Session.rerun`."""

    paths: tuple[str, ...] = ()  # default: snippets/
    device: str = "cpu"  # or all, or meta
    jobs: int = field(default_factory=environment.cores)
    timeout: float = 60.0
    memory: float = 4.0
    disk: float = 0.25
    repeat: int = 1
    shard: str = ""
    durations: Path | None = None
    cache: bool = True
    kernel: bool = True  # whether to use the kernel's guards
    internals: bool = False  # whether to run what is refused by name, to test the walls behind
    build: Path | None = None  # default: build/
    warm: bool = False


class Session:
    """A verifier of the snippets below ``root``. As a context manager: afterwards nothing is left running."""

    def __init__(self, root: Path, options: Options | None = None) -> None:
        self._options = options or Options()
        self._paths = self._options.paths or (str(root / "snippets"),)
        self._settings = Settings(
            (self._options.build or root / "build").absolute(),
            guards.available(self._options.kernel) | {"internals": ALLOWED if self._options.internals else BY_NAME},
            self._options.timeout,
            self._options.memory,
            self._options.disk,
            self._options.repeat,
            self._options.jobs,
        )
        self._engine: Engine | None = None
        self._report: Report | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine:
            self._engine.__exit__()
            self._engine = None

    def report(self, pages: Mapping[str, Iterable[str]] | None = None) -> Report:
        """Verify everything, show how it goes, and say what came of it.

        Args:
            pages: which pages show a snippet, by its path; for complaints.

        Raises:
            BadCall: what was asked for cannot be done.
            EngineError: Python or torch does not start.
        """
        started, clock = datetime.now(UTC), time.perf_counter()
        snippets = discover(self._paths)
        folder = self._settings.folder
        with _locked(folder):
            seconds = shard.durations(self._options.durations or folder / "durations.json")
            part: Shard | None = None
            if self._options.shard:
                index, count = shard.parse(self._options.shard)
                part = Shard(index, count, tuple(snippet.path for snippet in snippets))
                snippets = shard.split(snippets, index, count, seconds)
            devices, missing = self._devices()
            if self._options.warm and not self._engine:
                self._engine = Engine(self._settings.jobs, self._settings.home)
                self._engine.__enter__().preload(preload(snippets))  # it imports while pages are shown
            with display.progress(len(snippets) * len(devices)) as tell:
                results = self._run(snippets, devices, seconds, tell)
            if not part:  # or the shards that follow on this machine would split by other durations
                shard.remember(folder / "durations.json", seconds, results)
        results += [outcome.skipped(snippet, device) for device in missing for snippet in snippets]
        self._report = Report(
            torch=environment.version("torch"),
            python=environment.versions()["python"],
            device_names=devices,
            guards=self._settings.guards,
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - clock, 3),
            shard=part,
            platform=platform.platform(),
            results=tuple(replace(r, embedded_in=tuple(sorted((pages or {}).get(r.path, ())))) for r in results),
        )
        display.conclude(self._report)
        return self._report

    def rerun(self, paths: Iterable[str]) -> Report:
        """The report of before, with these files verified again and without the results of files that are gone.

        Raises:
            BadCall: what was asked for cannot be done.
            EngineError: Python or torch does not start.
        """
        before = self._report or self.report()
        snippets = discover(paths)
        devices, _ = self._devices()
        with _locked(self._settings.folder):
            again = self._run(snippets, devices, {}, lambda result: None)
        pages = {result.path: result.embedded_in for result in before.results}
        again = [replace(result, embedded_in=pages.get(result.path, ())) for result in again]
        mine = {snippet.path for snippet in snippets}
        here = {snippet.path for snippet in discover(self._paths)}
        kept = [result for result in before.results if result.path in here - mine]
        both = sorted([*kept, *again], key=lambda result: (result.path, result.device))
        self._report = replace(before, results=tuple(both))
        return self._report

    def _run(
        self, snippets: list[Snippet], devices: dict[str, str], seconds: dict[str, float], tell: run.Tell
    ) -> list[Result]:
        cache = Cache(self._settings.folder, self._options.cache)
        return run.results(snippets, devices, self._settings, cache, seconds, tell, self._engine)

    def _devices(self) -> tuple[dict[str, str], list[str]]:
        """Devices to run on, by name, and those that were asked for in vain."""
        wanted = self._options.device
        if wanted == "meta":
            return {"meta": "meta"}, []
        here = environment.device_names(self._settings.folder / "devices.json")
        if wanted == "all":
            return here, []
        return ({wanted: here[wanted]}, []) if wanted in here else ({}, [wanted])


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """While no other verifier works in the same build folder."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("verify: another verifier is at work in this checkout; waiting for it", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def join(own: Report, others: Iterable[Path], committed: Iterable[Path] = ()) -> Report:
    """This machine's report with those of others; of the committed ones, what is about the same sources still.

    Raises:
        BadCall: one of ``others`` is about other sources, or a file is no report.
    """
    whole = merge.merge([("verification.json", own), *merge.read(others)])
    return merge.merge([("verification.json", whole), *merge.read(committed)], stale="drop")


def keep(root: Path, verdicts: Iterable[tuple[Result, dict[str, bytes]]]) -> None:
    """Put verdicts that were reached over the same bytes elsewhere into the cache below ``root``, with their files.

    What lies there in another version is left to be verified.
    """
    settings = Settings(root / "build", guards.available() | {"internals": BY_NAME})
    settings.folder.mkdir(parents=True, exist_ok=True)
    cache = Cache(settings.folder)
    names = environment.device_names(settings.folder / "devices.json")
    for result, files in verdicts:
        snippet = Snippet(result.path, root / result.path, (root / result.path).read_bytes())
        if snippet.sha256 == result.sha256:
            cache.put(run.key(snippet, result.device, names[result.device], settings), result, files)
