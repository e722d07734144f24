"""What people see: progress while it runs, then failures where they happened, the slowest, and one line of numbers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

from scripts.report import Report, Result
from scripts.verify.files import summary
from scripts.verify.run import Tell


def _line(result: Result) -> str:
    error = result.error
    where = f":{error.line}" if error and error.line else ""
    why = f" {error.type}: {_short(error.message)}" if error else ""
    device = "" if result.device == "cpu" else f" [{result.device}]"
    return f"{result.status:<12} {result.path}{where}{device} {result.seconds:.2f} s{why}"


def _short(text: str, width: int = 160) -> str:
    first = printable(text).strip().partition("\n")[0]
    return first if len(first) <= width else first[: width - 1] + "…"


def printable(text: str) -> str:
    """Nothing that a terminal would obey."""
    return "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)


@contextlib.contextmanager
def progress(total: int, stream: TextIO | None = None) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere a line for each snippet that ran or did not pass."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda result: None if result.cached else print(_line(result), file=stream, flush=True)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("", total=total)

        def tell(result: Result) -> None:
            bar.update(task, advance=1, description=escape(result.path))
            if result.status not in ("passed", "skipped"):
                bar.console.print(escape(_line(result)), style="red", highlight=False, soft_wrap=True)

        yield tell


def conclude(report: Report, stream: TextIO | None = None) -> None:
    """Everything worth reading after the run."""
    results, stream = report.results, stream or sys.stderr
    for result in results:
        if result.status not in ("passed", "skipped"):
            print(_failure(result), file=stream)
    reasons = {r.error.message for r in results if r.error and r.status == "skipped"}
    for reason in sorted(reasons):
        print(f"skipped: {reason}", file=stream)
    ran = sorted((r for r in results if not r.cached and r.status != "skipped"), key=lambda r: -r.seconds)
    if ran:
        print("\nslowest:", file=stream)
    for result in ran[:10]:
        device = "" if result.device == "cpu" else f" [{result.device}]"
        print(f"  {result.seconds:7.2f} s  {result.path}{device}", file=stream)
    cached = sum(result.cached for result in results)
    known = f", {cached} of them from the cache" if cached else ""
    print(f"\n{summary(report)}{known} in {report.seconds:.2f} s", file=stream, flush=True)


def _failure(result: Result) -> str:
    """One failure: where, what, the snippet's own frames, and the pages that show it."""
    error = result.error
    assert error is not None  # as of every result that did not pass
    where = f", line {error.line}" if error.line else ""
    lines = [f"\n{result.status.upper()} {result.path}{where} on {result.device}"]
    frames = error.frames
    for number, name in frames[:-1]:
        lines.append(f"    line {number}, in {name}")
    if error.source:
        name = f", in {frames[-1][1]}" if frames else ""
        lines.append(f"    line {error.line}{name}\n        {printable(error.source)}")
    lines.append(f"  {error.type}: {printable(error.message)[:2000]}")
    lines += [f"  shown on {page}" for page in result.embedded_in]
    return "\n".join(lines)
