"""One verification: what the cache knows, what has to run, and the results of both."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.verify import artifacts, environment, verdict
from scripts.verify.cache import Cache
from scripts.verify.discover import ROOT, Snippet, display_path, preload
from scripts.verify.engine import Engine, Job, Seen

Result = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What of the command line a verdict depends on, and where things lie."""

    build: Path
    guards: dict[str, str]
    timeout: float = 60.0
    memory: float = 4.0
    disk: float = 0.25
    repeat: int = 1
    jobs: int = 1


def results(
    snippets: list[Snippet],
    devices: dict[str, str],
    options: Options,
    cache: Cache,
    seconds: dict[str, float],
    tell: Callable[[Result], None],
    engine: Engine | None = None,
) -> list[Result]:
    """A result for each snippet on each device; ``tell`` hears of each as soon as it is there.

    Args:
        snippets: what to verify.
        devices: names of the devices, by kind.
        options: limits and places.
        cache: verdicts of before.
        seconds: what snippets took before, by path; the longest start first.
        tell: called once for each result.
        engine: one that runs already and stays, instead of a new one for each turn.
    """
    found: dict[tuple[str, str], Result] = {}
    pending: list[tuple[Snippet, str]] = []
    for snippet in snippets:
        for device in devices:
            known = cache.get(key(snippet, devices[device], device, options))
            if known is None:
                pending.append((snippet, device))
                continue
            result = known[0] | {"path": snippet.path, "cached": True}
            result["artifacts"] = _publish(snippet, device, options, known[1])
            found[snippet.path, device] = result
            tell(result)
    pending.sort(key=lambda item: -seconds.get(item[0].path, 1.0))

    def done(snippet: Snippet, device: str, result: Result, files: dict[str, bytes]) -> None:
        if result["status"] == "passed":
            cache.put(key(snippet, devices[device], device, options), result, files)
        result["artifacts"] = _publish(snippet, device, options, files)
        found[snippet.path, device] = result
        tell(result)

    if pending:
        _execute(pending, devices, options, done, engine)
    return [found[key] for key in sorted(found)]


def skipped(snippet: Snippet, device: str) -> Result:
    """The result for a device that this machine has not."""
    name = {"cuda": "CUDA", "mps": "MPS"}.get(device, device)
    error = {"type": "Skipped", "message": f"no {name} device on this machine", "line": None}
    return _result(snippet, device, "none") | {"status": "skipped", "error": error}


def _result(snippet: Snippet, device: str, device_name: str) -> Result:
    known = environment.versions()
    return {
        "path": snippet.path,
        "device": device,
        "status": "",
        "seconds": 0.0,
        "cached": False,
        "output": "",
        "artifacts": [],
        "error": None,
        "sha256": snippet.sha256,
        "torch": known["torch"],
        "python": known["python"],
        "device_name": device_name,
        "verified": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def key(snippet: Snippet, device_name: str, device: str, options: Options) -> str:
    return Cache.key(
        snippet=snippet.sha256,
        path=snippet.path,
        device=device,
        device_name=device_name,
        versions=environment.versions(),
        verifier=environment.fingerprint(),
        guards=options.guards,
        limits=[options.timeout, options.memory, options.disk, options.repeat],
    )


def _publish(snippet: Snippet, device: str, options: Options, files: dict[str, bytes]) -> list[str]:
    folder = options.build / "artifacts" / snippet.path.removesuffix(".py").lstrip("/") / device
    return [display_path(path) for path in artifacts.publish(folder, files)]


def _execute(
    pending: list[tuple[Snippet, str]],
    devices: dict[str, str],
    options: Options,
    done: Callable[[Snippet, str, Result, dict[str, bytes]], None],
    running: Engine | None = None,
) -> None:
    """Run everything ``repeat`` times, each time below another zygote, and hand over what held every time."""
    scratch = options.build / "cache" / "verify" / "run"
    if scratch.exists():
        artifacts.remove_tree(scratch)  # of a verifier that was killed
    readable = [*_libraries(), str(_home(options))]
    earlier: dict[tuple[str, str], tuple[Result, dict[str, bytes]]] = {}
    try:
        for turn in range(1, options.repeat + 1):

            def finished(job: Job, seen: Seen, turn: int = turn) -> None:
                snippet, device = pending[job["number"]]
                place = Path(job["cwd"])
                result, files = _conclude(snippet, device, devices[device], seen, place)
                artifacts.remove_tree(place.parent)
                before = earlier.get((snippet.path, device))
                if before and result["status"] == "passed":
                    _compare(result, files, *before)
                earlier[snippet.path, device] = result, files
                if turn == options.repeat or result["status"] != "passed":
                    done(snippet, device, result, files if result["status"] == "passed" else {})

            own = contextlib.nullcontext(running) if running else Engine(options.jobs, _home(options))
            with own as engine:  # it begins to import torch, so what follows costs nothing
                jobs = [
                    _job(number, snippet, device, options, scratch / f"{turn}-{number}", readable)
                    for number, (snippet, device) in enumerate(pending)
                    if (snippet.path, device) not in earlier or earlier[snippet.path, device][0]["status"] == "passed"
                ]
                engine.run(jobs, finished)
    finally:
        with contextlib.suppress(FileNotFoundError):
            artifacts.remove_tree(scratch)


def _libraries() -> set[str]:
    """Where Python and what it can import lie; the repository itself is not among it, nor anything above it."""
    importable = {str(Path(entry).absolute()) for entry in sys.path if entry}
    return {sys.prefix, sys.base_prefix} | {entry for entry in importable if not ROOT.is_relative_to(entry)}


def _home(options: Options) -> Path:
    """Where the zygote keeps what is slow to compute, such as matplotlib's list of fonts."""
    return options.build / "cache" / "verify" / "home"


def _job(number: int, snippet: Snippet, device: str, options: Options, place: Path, readable: list[str]) -> Job:
    """All that a worker needs to know."""
    private = {name: str(place / name) for name in ("cwd", "tmp", "home")}
    return {
        "number": number,
        "file": str(snippet.file),
        "sha256": snippet.sha256,
        "imports": snippet.imports,
        "preload": preload([snippet]),
        "device": device,
        "timeout": options.timeout,
        "memory": int(options.memory * 2**30),
        "disk": int(options.disk * 2**30),
        "guards": options.guards,
        "cwd": private["cwd"],
        "writable": list(private.values()),
        "environment": {
            "HOME": private["home"],
            "TMPDIR": private["tmp"],
            "TORCHINDUCTOR_CACHE_DIR": f"{private['tmp']}/inductor",
        },
        "readable": readable,
    }


def _conclude(
    snippet: Snippet, device: str, device_name: str, seen: Seen, place: Path
) -> tuple[Result, dict[str, bytes]]:
    """The result of one run and what it left behind."""
    status, error, output = verdict.judge(seen, str(snippet.file), snippet.text)
    files: dict[str, bytes] = {}
    if status == "passed":
        try:
            files = artifacts.collect(place)
        except artifacts.TooMuch as problem:
            status, error = "output", {"type": "OutputLimit", "message": str(problem)} | verdict.locate(None, "")
    last: dict[str, Any] = seen["reports"][-1] if seen["reports"] else {}
    result = _result(snippet, device, device_name)
    result |= {"status": status, "error": error, "output": output}
    result["seconds"] = round(last.get("seconds") or seen["seconds"], 4)
    if status != "passed" and seen["errors"]:
        result["stderr"] = seen["errors"][-4000:]
    return result, files


def _compare(result: Result, files: dict[str, bytes], before: Result, before_files: dict[str, bytes]) -> None:
    """Turn a pass into a failure where two runs differ; in files named ``*-measured.*`` they may: those hold times."""
    message = ""
    if result["output"] != before["output"]:
        pairs = zip([*before["output"].splitlines(), ""], [*result["output"].splitlines(), ""], strict=False)
        first, second = next(pair for pair in pairs if pair[0] != pair[1])
        message = f"printed {first!r} in one run and {second!r} in another"
    elif different := sorted(
        name
        for name in files.keys() | before_files.keys()
        if files.get(name) != before_files.get(name)
        and not (name in files and name in before_files and Path(name).stem.endswith("-measured"))
    ):
        message = f"left another {different[0]} in one run than in another"
    if message:
        result["status"] = "output"
        result["error"] = {"type": "OutputDiffers", "message": message} | verdict.locate(None, "")
