"""From what a supervisor saw to the status and the error of a result."""

from __future__ import annotations

import re
import signal
from typing import Any

Error = dict[str, Any]
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def judge(seen: dict[str, Any], file: str, source: str) -> tuple[str, Error | None, str]:
    """The verdict on one run.

    Args:
        seen: the message of :func:`scripts.verify.supervisor.supervise`.
        file: path of the snippet as it stands in tracebacks.
        source: its text.

    Returns:
        Status, error (``None`` when passed) and the printed text, safe to show.
    """
    raw = seen["output"].encode("latin-1")
    text = raw.decode(errors="backslashreplace")
    output = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    last: dict[str, Any] = seen["reports"][-1] if seen["reports"] else {}
    at, error = last.get("at"), last.get("error") or {}
    line = traced_line(seen["trace"], file)

    def say(status: str, kind: str, message: str, where: int | None = line) -> tuple[str, Error, str]:
        return status, {"type": kind, "message": message} | locate(where, source), output

    if seen["stopped"] == "timeout":
        waits = "reached its last line, but a thread or an exit handler " if at == "last line" else ""
        return say("timeout", "Timeout", waits + seen["message"])
    if seen["stopped"]:
        kind = {"memory": "MemoryLimit", "output": "OutputLimit"}.get(seen["stopped"], "ProcessLimit")
        return say(seen["stopped"], kind, seen["message"])
    if at == "exit":
        return "exited-early", _public(error) | {"message": f"left by sys.exit({error['message']})"}, output
    if at == "error":
        status = "memory" if error.get("memory") else "output" if error.get("disk") else "failed"
        return status, _public(error), output
    if at != "end":
        return _died(seen, at, say)
    if seen["left"]:
        return say("failed", "ProcessLeft", "left running: " + ", ".join(seen["left"]), None)
    return _unfit(raw, text, say) or ("passed", None, output)


def _died(seen: dict[str, Any], at: str | None, say: Any) -> tuple[str, Error, str]:
    """No last word: the process was ended from inside or outside."""
    code = seen["code"]
    if code is not None and code >= 0:
        if code == 70 and not seen["reports"] and "the verifier failed" in seen["errors"]:
            return say("crashed", "VerifierError", seen["errors"].strip())
        where = "after its last line" if at else "before its last line"
        return say("exited-early", "ExitedEarly", f"the process left with exit code {code} {where}")
    if "std::bad_alloc" in seen["errors"]:
        return say("memory", "MemoryLimit", "std::bad_alloc")
    name = signal.Signals(-code).name if code is not None else "its supervisor ended"
    return say("crashed", "Crashed", f"the process was ended by {name}")


def _unfit(raw: bytes, text: str, say: Any) -> tuple[str, Error, str] | None:
    """Output that no page could show."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return say("output", "BadOutput", f"printed bytes that are not UTF-8: {raw[error.start : error.end]!r}", None)
    if found := _CONTROL.search(text):
        return say("output", "BadOutput", f"printed a control character: {found[0]!r}", None)
    return None


def traced_line(trace: str, file: str) -> int | None:
    """The innermost line of ``file`` in what faulthandler wrote: the current thread's, else any thread's."""
    pattern = re.compile(rf'File "{re.escape(file)}", line (\d+)')
    current = trace.partition("Current thread")[2].partition("\n\n")[0]
    found = pattern.search(current) or pattern.search(trace)
    return int(found[1]) if found else None


def locate(line: int | None, source: str) -> dict[str, Any]:
    """A line number and the text that stands there."""
    lines = source.splitlines()
    return {"line": line, "source": lines[line - 1].strip() if line and line <= len(lines) else None, "frames": []}


def _public(error: Error) -> Error:
    return {key: value for key, value in error.items() if key not in ("memory", "disk")}
