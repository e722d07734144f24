"""What an exception says: its type, its words, and where in the snippet it came from."""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def describe(error: BaseException, file: str) -> dict[str, Any]:
    """Type, message and line of an exception, and its frames in the snippet itself, innermost last."""
    kind, message = _said(lambda: type(error).__name__, "exception"), _said(lambda: str(error), "<its __str__ raises>")
    walk = traceback.walk_tb(error.__traceback__)
    own = [(frame.f_code.co_name, line) for frame, line in walk if frame.f_code.co_filename == file]
    line: int | None = own[-1][1] if own else None
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
        own = [("<module>", line or 0)]
        message = error.msg
    source = None
    if line:
        with contextlib.suppress(OSError, IndexError):
            source = Path(file).read_text(errors="replace").splitlines()[line - 1].strip()
    return {
        "type": kind,
        "message": message[:4000],
        "line": line,
        "source": source,
        "frames": [[line, name] for name, line in own[-12:]],
        "memory": isinstance(error, MemoryError) or "allocate memory" in message or "OutOfMemory" in kind,
        "disk": isinstance(error, OSError) and error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT),
    }


def _said(ask: Callable[[], str], otherwise: str) -> str:
    """What an exception says of itself, or what to say when it raises another on being asked."""
    try:
        return ask()
    except BaseException:
        return otherwise
