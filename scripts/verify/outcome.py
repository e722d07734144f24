"""The result of one run, and whether two runs say the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from scripts.report import Error, Result
from scripts.verify import artifacts, environment, verdict
from scripts.verify.discover import Snippet
from scripts.verify.seen import Seen

Files = dict[str, bytes]  # artifacts by name


def result(snippet: Snippet, device: str, device_name: str, status: str, error: Error | None) -> Result:
    """A result of now and here."""
    known = environment.versions()
    return Result(
        path=snippet.path,
        device=device,
        status=status,
        sha256=snippet.sha256,
        torch=known["torch"],
        python=known["python"],
        device_name=device_name,
        verified=datetime.now(UTC).isoformat(timespec="seconds"),
        error=error,
    )


def skipped(snippet: Snippet, device: str) -> Result:
    """The result for a device that this machine has not."""
    name = {"cuda": "CUDA", "mps": "MPS"}.get(device, device)
    return result(snippet, device, "none", "skipped", Error("Skipped", f"no {name} device on this machine"))


def conclude(snippet: Snippet, device: str, device_name: str, seen: Seen, place: Path) -> tuple[Result, Files]:
    """The result of one run and what it left in its working directory ``place``."""
    status, error, output = verdict.judge(seen, str(snippet.file), snippet.text, snippet.is_broken)
    files: Files = {}
    if status == "passed":
        try:
            files = artifacts.collect(place)
        except artifacts.TooMuch as problem:
            status, error = "output", Error("OutputLimit", str(problem))
    own = verdict.last_of(seen).seconds
    seconds = own if own is not None and 0 <= own <= seen.seconds else seen.seconds
    found = replace(
        result(snippet, device, device_name, status, error),
        output=output,
        seconds=round(seconds, 4),
        stderr="" if status == "passed" else seen.errors[-4000:],
    )
    return found, files


def compare(result: Result, files: Files, before: Result, before_files: Files) -> Result:
    """A failure instead of a pass where two runs differ; in files named ``*-measured.*`` they may: they hold times."""
    message = ""
    if result.output != before.output:
        pairs = zip([*before.output.splitlines(), ""], [*result.output.splitlines(), ""], strict=False)
        first, second = next(pair for pair in pairs if pair[0] != pair[1])
        message = f"printed {first!r} in one run and {second!r} in another"
    elif different := sorted(
        name
        for name in files.keys() | before_files.keys()
        if files.get(name) != before_files.get(name)
        and not (name in files and name in before_files and Path(name).stem.endswith("-measured"))
    ):
        message = f"left another {different[0]} in one run than in another"
    return replace(result, status="output", error=Error("OutputDiffers", message)) if message else result
