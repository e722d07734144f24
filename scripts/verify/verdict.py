"""From what a supervisor saw to the status and the error of a result."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from scripts.report import Error
from scripts.rows import BadReport, Row
from scripts.verify.seen import Seen

Verdict = tuple[str, Error | None, str]
LINE_LIMIT = 10_000
Say = Callable[..., Verdict]
# Characters that turn the direction of text, have no width, or end a line for some readers of it and not for others.
INVISIBLE = (
    r"\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{INVISIBLE}]")


@dataclass(frozen=True)
class Last:
    """What a worker said last of itself."""

    at: str = ""  # "last line", "end", "exit" or "error"; empty: it said nothing
    seconds: float | None = None
    error: Error | None = None
    guarded: bool = False  # it has a main part, and came to it
    memory: bool = False  # the error is that of a limit
    disk: bool = False


def last_of(seen: Seen) -> Last:
    """The worker's last report; none when it is not of a worker's form."""
    if not seen.reports:
        return Last()
    try:
        row = Row(json.loads(seen.reports[-1]), "report")
        error: Any = row.optional("error", dict)
        limits = Row(error, "error") if error else row
        last = Last(
            row.get("at", str),
            row.optional("seconds", float),
            Error.from_json(error) if error else None,
            row.get("guarded", bool, False),
            limits.get("memory", bool, False),
            limits.get("disk", bool, False),
        )
    except (BadReport, ValueError, RecursionError):
        return Last()
    return last if (last.error is not None) == (last.at in ("exit", "error")) else Last()


def judge(seen: Seen, file: str, source: str, is_broken: bool = False) -> Verdict:
    """The verdict on one run.

    Args:
        seen: how it ended.
        file: path of the snippet as it stands in tracebacks.
        source: its text.
        is_broken: it shows a fault: an error that ends it is the last line of what it prints, and no failure.

    Returns:
        Status, error (``None`` when passed) and the printed text, safe to show.
    """
    text = seen.output.decode(errors="backslashreplace")
    output = CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
    last = last_of(seen)
    line = traced_line(seen.trace, file)

    def say(status: str, kind: str, message: str, where: int | None = line) -> Verdict:
        return status, located(kind, message, where, source), output

    if seen.stopped == "timeout":
        waits = "reached its last line, but a thread or an exit handler " if last.at == "last line" else ""
        return say("timeout", "Timeout", waits + seen.message)
    if seen.stopped:
        kind = {"memory": "MemoryLimit", "output": "OutputLimit"}.get(seen.stopped, "ProcessLimit")
        return say(seen.stopped, kind, seen.message)
    if last.error and last.at == "exit":
        return "exited-early", replace(last.error, message=f"left by sys.exit({last.error.message})"), output
    if is_broken and last.error and not (last.memory or last.disk or last.error.type == "SyntaxError"):
        shown = f"{output.rstrip()}\n{last.error.type}: {last.error.message}".lstrip("\n")
        return _unfit(shown.encode(), shown, say) or ("passed", None, f"{shown}\n")
    if last.error:
        return "memory" if last.memory else "output" if last.disk else "failed", last.error, output
    if last.at != "end" or seen.code != 0:
        return _died(seen, last.at, say)
    if seen.left:
        return say("failed", "ProcessLeft", "left running: " + ", ".join(seen.left), None)
    if last.guarded and seen.early:
        shown = seen.output[: seen.early].decode(errors="backslashreplace").strip()
        return say("failed", "PrintsOnImport", f"an import of it would print {shown[:200]!r}", None)
    return _unfit(seen.output, text, say) or ("passed", None, output)


def _died(seen: Seen, at: str, say: Say) -> Verdict:
    """No last word: the process was ended from inside or outside."""
    if seen.code is not None and seen.code >= 0:
        if seen.code == 70 and not seen.reports and "the verifier failed" in seen.errors:
            return say("crashed", "VerifierError", seen.errors.strip())
        where = "after its last line" if at else "before its last line"
        return say("exited-early", "ExitedEarly", f"the process left with exit code {seen.code} {where}")
    if "std::bad_alloc" in seen.errors:
        return say("memory", "MemoryLimit", "std::bad_alloc")
    name = signal.Signals(-seen.code).name if seen.code is not None else "its supervisor ended"
    return say("crashed", "Crashed", f"the process was ended by {name}")


def _unfit(raw: bytes, text: str, say: Say) -> Verdict | None:
    """Output that no page could show."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return say("output", "BadOutput", f"printed bytes that are not UTF-8: {raw[error.start : error.end]!r}", None)
    if found := CONTROL.search(text):
        return say("output", "BadOutput", f"printed a control character: {found[0]!a}", None)
    if text.count("\n") > LINE_LIMIT:
        return say("output", "OutputLimit", f"printed more than {LINE_LIMIT} lines", None)
    return None


def traced_line(trace: str, file: str) -> int | None:
    """The innermost line of ``file`` in what faulthandler wrote: the current thread's, else any thread's."""
    pattern = re.compile(rf'File "{re.escape(file)}", line (\d+)')
    current = trace.partition("Current thread")[2].partition("\n\n")[0]
    found = pattern.search(current) or pattern.search(trace)
    return int(found[1]) if found else None


def located(kind: str, message: str, line: int | None = None, source: str = "") -> Error:
    """An error with the text that stands in its line."""
    lines = source.splitlines()
    text = lines[line - 1].strip() if line and 0 < line <= len(lines) else None
    return Error(kind, message, line, text)
