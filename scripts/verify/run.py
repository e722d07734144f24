"""One verification: what the cache knows, what has to run, and the results of both."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from scripts.report import Error, Result
from scripts.verify import artifacts, environment, jobs, outcome
from scripts.verify.cache import Cache
from scripts.verify.discover import Snippet, display_path
from scripts.verify.engine import Engine
from scripts.verify.jobs import Job, Settings
from scripts.verify.outcome import Files
from scripts.verify.refusals import ALLOWED, refusal
from scripts.verify.seen import Seen

Tell = Callable[[Result], None]


def results(
    snippets: list[Snippet],
    devices: dict[str, str],
    settings: Settings,
    cache: Cache,
    seconds: dict[str, float],
    tell: Tell,
    engine: Engine | None = None,
) -> list[Result]:
    """A result for each snippet on each device; ``tell`` hears of each as soon as it is there.

    Args:
        snippets: what to verify.
        devices: names of the devices, by kind.
        settings: limits and places.
        cache: verdicts of before.
        seconds: what snippets took before, by path; the longest start first.
        tell: called once for each result.
        engine: one that runs already and stays, instead of a new one for each turn.
    """
    found: dict[tuple[str, str], Result] = {}
    pending: list[tuple[Snippet, str]] = []

    def done(snippet: Snippet, result: Result, files: Files) -> None:
        place = artifacts.place(settings.build, snippet.path, result.device)
        left = tuple(display_path(path) for path in artifacts.publish(place, files))
        found[snippet.path, result.device] = result = replace(result, path=snippet.path, artifacts=left)
        tell(result)

    for snippet in snippets:
        for device in devices:
            if known := cache.get(key(snippet, device, devices[device], settings)):
                done(snippet, replace(known[0], cached=True), known[1])
            else:
                pending.append((snippet, device))
    pending.sort(key=lambda item: -seconds.get(item[0].path, 1.0))

    for snippet, device in list(pending):
        if error := _refusal(snippet, settings):
            pending.remove((snippet, device))
            done(snippet, outcome.result(snippet, device, devices[device], "failed", error), {})

    def ran(snippet: Snippet, result: Result, files: Files) -> None:
        if result.status == "passed":
            cache.put(key(snippet, result.device, devices[result.device], settings), result, files)
        done(snippet, result, files)

    if pending:
        _Runs(pending, devices, settings, ran).execute(engine)
    return [found[cell] for cell in sorted(found)]


def _refusal(snippet: Snippet, settings: Settings) -> Error | None:
    """Why a snippet may not run: what it holds, or what a companion holds that is no snippet itself."""
    allowed = settings.guards["internals"] == ALLOWED
    if error := refusal(snippet.content, allowed):
        return error
    for companion in snippet.companions:
        if error := refusal(companion.content, allowed):
            return replace(error, message=f"{companion.path}, line {error.line}: {error.message}", line=None)
    return None


def key(snippet: Snippet, device: str, device_name: str, settings: Settings) -> str:
    """The address of a verdict in the cache."""
    return Cache.key(
        snippet=snippet.sha256,
        path=snippet.path,
        device=device,
        device_name=device_name,
        versions=environment.versions(),
        arithmetic=[os.environ.get(name) for name in jobs.ARITHMETIC],
        verifier=environment.fingerprint(),
        guards=settings.guards,
        limits=[settings.timeout, settings.memory, settings.disk, settings.repeat],
    )


class _Runs:
    """Everything that is pending, ``repeat`` times, each time below another zygote; hands over what held every time."""

    def __init__(
        self,
        pending: list[tuple[Snippet, str]],
        devices: dict[str, str],
        settings: Settings,
        ran: Callable[[Snippet, Result, Files], None],
    ) -> None:
        self._pending, self._devices, self._settings, self._ran = pending, devices, settings, ran
        self._earlier: dict[int, tuple[Result, Files]] = {}

    def execute(self, running: Engine | None) -> None:
        """Run; ``running`` stays, and is left alone."""
        scratch = self._settings.folder / "run"
        artifacts.remove_tree(scratch)  # of a verifier that was killed
        shown = jobs.shown(self._settings)
        try:
            for turn in range(1, self._settings.repeat + 1):
                own = contextlib.nullcontext(running) if running else Engine(self._settings.jobs, self._settings.home)
                with own as engine:  # it begins to import torch, so what follows costs nothing
                    made = [
                        jobs.make(number, snippet, device, self._settings, scratch / f"{turn}-{number}", shown)
                        for number, (snippet, device) in enumerate(self._pending)
                        if turn == 1 or self._earlier[number][0].status == "passed"
                    ]
                    engine.run(made, partial(self._end, last=turn == self._settings.repeat))
        finally:
            artifacts.remove_tree(scratch)

    def _end(self, job: Job, seen: Seen, *, last: bool) -> None:
        """Judge one run, and clear up after it; what goes wrong in that is this job's own error."""
        snippet, device = self._pending[job.number]
        files: Files = {}
        try:
            result, files = outcome.conclude(snippet, device, self._devices[device], seen, Path(job.cwd))
            artifacts.remove_tree(Path(job.cwd).parent)
            if result.status == "passed" and job.number in self._earlier:
                result = outcome.compare(result, files, *self._earlier[job.number])
        except Exception as problem:
            error = Error("VerifierError", f"the verifier failed to conclude: {problem!r}")
            result = outcome.result(snippet, device, self._devices[device], "crashed", error)
            result = replace(result, stderr=traceback.format_exc()[-4000:])
        self._earlier[job.number] = result, files
        if last or result.status != "passed":
            self._ran(snippet, result, files if result.status == "passed" else {})
