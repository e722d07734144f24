"""A check that an error ends, of the model or the loss, or a reader who stops it: nothing may be left behind.

The error comes at a call into the program, or at a pass of torch through a network: the first, the second, one half
way, the last. So a function of several phases is ended in most of them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.support import untouched

PASSES = ("forward", "backward", "grad", "step")  # functions of torch that may meet a wrong shape, or lack memory


class Interrupted(BaseException):
    """Not an ``Exception``: like Ctrl-C, it also passes checks that expect an error of the model and go on."""


def left_behind(check: Callable[..., Any], given: dict[str, Any], names: dict[str, Any]) -> list[str]:
    """What a check that is ended in the middle leaves changed of the program, in words; an empty list if nothing.

    Args:
        check: the function.
        given: its arguments.
        names: the variables of the program that it is asked about; calls into ``__file__`` are where an error comes.
    """
    before = untouched.state(names)
    calls = run(check, given, names["__file__"])
    for call in places(calls):
        run(check, given, names["__file__"], call)
        if changed := untouched.changes(before, names):
            return [f"{one}, when call {call} of {calls} fails" for one in changed]
    return []


def places(calls: int) -> list[int]:
    """Of so many calls those that are tried."""
    return sorted({1, 2, (calls + 1) // 2, calls} & set(range(1, calls + 1)))


def run(check: Callable[..., Any], given: dict[str, Any], path: str, end: int = 0) -> int:
    """Call a check, and end it at a call into the program; by default let it run, and count these calls."""
    calls, process, before = 0, os.getpid(), sys.gettrace()

    def look(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        code = frame.f_code
        if (code.co_filename == path or code.co_name in PASSES) and os.getpid() == process:  # not in a loader's worker
            calls += 1
            if calls == end:
                raise Interrupted

    sys.settrace(look)
    try:
        with contextlib.suppress(Interrupted):
            check(**given)
    finally:
        sys.settrace(before)
    return calls
