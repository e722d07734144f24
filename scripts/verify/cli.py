"""The command line of the verifier: what was asked, then what came of it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
from pathlib import Path

from scripts.report import Report
from scripts.verify import display, environment, files, merge
from scripts.verify.discover import ROOT, BadCall
from scripts.verify.session import Options, Session, VerifierProblem

CRASHED, BAD_CALL, NOT_PASSED, ALL_PASSED = 70, 2, 1, 0
INTERRUPTED = 130
DEVICE_HELP = "where to run; all: on each that this machine has; meta: shapes only, to test the plumbing"


def parser() -> argparse.ArgumentParser:
    """Every option."""
    p = argparse.ArgumentParser(prog="python -m scripts.verify", description="Run every snippet and say which hold.")
    p.add_argument("paths", nargs="*", metavar="PATH", help="files or folders of .py files (default: snippets/)")
    p.add_argument("--device", choices=[*environment.DEVICES, "all", "meta"], default="cpu", help=DEVICE_HELP)
    p.add_argument(
        "--jobs", type=_at_least_one, default=environment.cores(), help="how many at a time (default: %(default)s)"
    )
    p.add_argument("--timeout", type=_positive, default=60.0, metavar="SECONDS", help="for each (default: 60)")
    p.add_argument("--memory", type=_positive, default=4.0, metavar="GIB", help="for each (default: 4)")
    p.add_argument("--disk", type=_positive, default=0.25, metavar="GIB", help="for the files of each (default: 0.25)")
    p.add_argument("--repeat", type=_at_least_one, default=1, metavar="N", help="run N times and compare")
    p.add_argument("--shard", default="", metavar="I/N", help="only part I of N, of about equal duration")
    p.add_argument(
        "--durations", type=Path, metavar="FILE", help="report to split by (default: what whole runs recorded)"
    )
    p.add_argument("--no-cache", action="store_true", help="run everything; what passes is kept all the same")
    p.add_argument("--guards", choices=["kernel", "audit"], default="kernel", help="audit: do without the kernel's")
    p.add_argument("--internals", action="store_true", help="run what is refused by name too, to test the walls")
    p.add_argument("--build", type=Path, default=ROOT / "build", metavar="DIR", help="where cache and artifacts lie")
    p.add_argument("--report", type=Path, metavar="FILE", help="default: DIR/verification.json")
    p.add_argument("--junit", type=Path, metavar="FILE", help="default: beside the report")
    p.add_argument("--embedded-in", type=Path, metavar="FILE", help="pages by snippet (default: DIR/embedded_in.json)")
    p.add_argument("--merge", nargs="+", type=Path, metavar="REPORT", help="join reports instead of running")
    return p


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _positive(text: str) -> float:
    if not 0 < (number := float(text)) < 1e6:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 all passed, 1 something did not, 2 bad call, 70 the verifier itself failed, 130 interrupted."""
    options = parser().parse_args(arguments)
    options.build = options.build.absolute()
    options.report = options.report or options.build / "verification.json"
    options.junit = options.junit or options.report.with_suffix(".xml")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = _merged(options.merge) if options.merge else _verified(options)
        files.write_json(report, options.report)
        files.write_junit(report, options.junit)
    except VerifierProblem as problem:
        print(f"verify: {problem}", file=sys.stderr)
        return BAD_CALL
    except KeyboardInterrupt:
        print("\nverify: interrupted; what had passed is kept and will not run again", file=sys.stderr)
        return INTERRUPTED
    except Exception:
        traceback.print_exc()
        print("verify: this is a fault of the verifier itself; nothing was reported", file=sys.stderr)
        return CRASHED
    number = files.counts(report.results)
    if number["skipped"] and not options.merge:  # a device was asked for in vain
        return BAD_CALL
    return NOT_PASSED if number["failed"] else ALL_PASSED


def _merged(reports: list[Path]) -> Report:
    report = merge.merge(merge.read(reports))
    display.conclude(report)
    return report


def _verified(options: argparse.Namespace) -> Report:
    wanted = Options(
        paths=tuple(options.paths),
        device=options.device,
        jobs=options.jobs,
        timeout=options.timeout,
        memory=options.memory,
        disk=options.disk,
        repeat=options.repeat,
        shard=options.shard,
        durations=options.durations,
        cache=not options.no_cache,
        kernel=options.guards == "kernel",
        internals=options.internals,
        build=options.build,
    )
    pages = _pages(options.embedded_in, options.build / "embedded_in.json")
    with Session(ROOT, wanted) as session:
        options.report.unlink(missing_ok=True)  # who reads a report reads this run's or none
        return session.report(pages)


def _pages(named: Path | None, usual: Path) -> dict[str, list[str]]:
    """Which pages show which snippet, if somebody wrote it down."""
    file = named or usual
    if not named and not file.exists():
        return {}
    try:
        pages = json.loads(file.read_text(encoding="utf-8"))
        return {str(snippet): list(map(str, places)) for snippet, places in pages.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BadCall(f"{file}: not a mapping from snippets to places on pages ({error})") from error
