"""The command line of the verifier: what was asked, then what came of it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.verify import display, environment, guards, merge, report, run, shard
from scripts.verify.cache import Cache
from scripts.verify.discover import ROOT, BadCall, Snippet, discover
from scripts.verify.engine import EngineError

INTERRUPTED = 130
DEVICE_HELP = "where to run; all: on each that this machine has; meta: shapes only, to test the plumbing"


def parser() -> argparse.ArgumentParser:
    """Every option."""
    p = argparse.ArgumentParser(prog="python -m scripts.verify", description="Run every snippet and say which hold.")
    p.add_argument("paths", nargs="*", metavar="PATH", help="files or folders of .py files (default: snippets/)")
    p.add_argument("--device", choices=[*environment.DEVICES, "all", "meta"], default="cpu", help=DEVICE_HELP)
    p.add_argument("--jobs", type=_at_least_one, default=cores(), help="how many at a time (default: %(default)s)")
    p.add_argument("--timeout", type=_positive, default=60.0, metavar="SECONDS", help="for each (default: 60)")
    p.add_argument("--memory", type=_positive, default=4.0, metavar="GIB", help="for each (default: 4)")
    p.add_argument("--disk", type=_positive, default=0.25, metavar="GIB", help="for the files of each (default: 0.25)")
    p.add_argument("--repeat", type=_at_least_one, default=1, metavar="N", help="run N times and compare")
    p.add_argument("--shard", metavar="I/N", help="only part I of N, of about equal duration")
    p.add_argument(
        "--durations", type=Path, metavar="FILE", help="report to split by (default: what whole runs recorded)"
    )
    p.add_argument("--no-cache", action="store_true", help="run everything; what passes is kept all the same")
    p.add_argument("--guards", choices=["kernel", "audit"], default="kernel", help="audit: do without the kernel's")
    p.add_argument("--build", type=Path, default=ROOT / "build", metavar="DIR", help="where cache and artifacts lie")
    p.add_argument("--report", type=Path, metavar="FILE", help="default: DIR/verification.json")
    p.add_argument("--junit", type=Path, metavar="FILE", help="default: beside the report")
    p.add_argument("--embedded-in", type=Path, metavar="FILE", help="pages by snippet (default: DIR/embedded_in.json)")
    p.add_argument("--merge", nargs="+", type=Path, metavar="REPORT", help="join reports instead of running")
    return p


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _positive(text: str) -> float:
    if not 0 < (number := float(text)) < 1e6:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 all passed, 1 something did not, 2 bad call."""
    options = parser().parse_args(arguments)
    options.build = options.build.absolute()
    options.report = options.report or options.build / "verification.json"
    options.junit = options.junit or options.report.with_suffix(".xml")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.merge:
            result, code = merge.merge(options.merge), report.ALL_PASSED
        else:
            result, code = _locked(options)
    except (BadCall, EngineError) as problem:
        print(f"verify: {problem}", file=sys.stderr)
        return report.BAD_CALL
    except KeyboardInterrupt:
        print("\nverify: interrupted; what had passed is kept and will not run again", file=sys.stderr)
        return INTERRUPTED
    report.write_json(result, options.report)
    report.write_junit(result, options.junit)
    display.conclude(result)
    return code or (report.NOT_PASSED if report.counts(result)["failed"] else report.ALL_PASSED)


def _locked(options: argparse.Namespace) -> tuple[report.Report, int]:
    """Verify while no other verifier works in the same build folder."""
    from filelock import FileLock, Timeout

    folder = options.build / "cache" / "verify"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("verify: another verifier is at work in this checkout; waiting for it", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        return _verify(options, folder)
    finally:
        lock.release()


def _verify(options: argparse.Namespace, folder: Path) -> tuple[report.Report, int]:
    started, clock = datetime.now(UTC), time.perf_counter()
    snippets = discover(options.paths or [str(ROOT / "snippets")])
    pages = _pages(options, snippets)
    seconds = shard.durations(options.durations or folder / "durations.json")
    facts: dict[str, Any] = {}
    if options.shard:
        index, count = shard.parse(options.shard)
        facts["shard"] = {"index": index, "of": count, "whole": [snippet.path for snippet in snippets]}
        snippets = shard.split(snippets, index, count, seconds)
    devices, missing = _devices(options.device, folder)
    settings = run.Options(
        options.build,
        guards.available(kernel=options.guards == "kernel"),
        options.timeout,
        options.memory,
        options.disk,
        options.repeat,
        options.jobs,
    )
    with display.progress(len(snippets) * len(devices)) as tell:
        results = run.results(snippets, devices, settings, Cache(folder, not options.no_cache), seconds, tell)
    if not options.shard:  # or the shards that follow on this machine would split by other durations
        shard.remember(folder / "durations.json", seconds, results)
    results += [run.skipped(snippet, device) for device in missing for snippet in snippets]
    report.attach_pages(results, pages)
    result = report.make(
        results,
        torch=environment.version("torch"),
        python=environment.versions()["python"],
        device_names=devices,
        guards=settings.guards,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock, 3),
        **facts,
    )
    return result, report.BAD_CALL if missing else report.ALL_PASSED


def _devices(wanted: str, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Devices to run on, by name, and those that were asked for in vain."""
    if wanted == "meta":
        return {"meta": "meta"}, []
    here = environment.device_names(folder / "devices.json")
    if wanted == "all":
        return here, []
    return ({wanted: here[wanted]}, []) if wanted in here else ({}, [wanted])


def _pages(options: argparse.Namespace, snippets: list[Snippet]) -> dict[str, list[str]]:
    """Which pages show which snippet, if somebody wrote it down."""
    file = options.embedded_in or options.build / "embedded_in.json"
    if not options.embedded_in and not file.exists():
        return {}
    try:
        pages = json.loads(file.read_text())
        return {snippet.path: list(pages.get(snippet.path, [])) for snippet in snippets}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BadCall(f"{file}: not a mapping from snippets to places on pages ({error})") from error
