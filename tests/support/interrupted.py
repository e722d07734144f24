"""A check that an error ends, of the model or the loss, or a reader who stops it: nothing may be left behind.

The error comes at the end of a call into the program, of a pass of torch through a network, or of the loading of a
batch, when all that these change has been changed: the first one, the second, one half way, the last. So a function of
several phases is ended in most of them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import nn

from tests.support import untouched

PASSES = ("forward", "backward", "grad", "step", "fetch")  # functions of torch that may fail: shapes, memory, data


class Interrupted(BaseException):
    """Not an ``Exception``: like Ctrl-C, it also passes checks that expect an error of the model and go on."""


def left_behind(check: Callable[..., Any], given: dict[str, Any], names: dict[str, Any]) -> list[str]:
    """What a check that is ended in the middle leaves changed of the program, in words; an empty list if nothing.

    Args:
        check: the function.
        given: its arguments.
        names: the variables of the program that it is asked about; calls into ``__file__`` are where an error comes.
    """
    with _in_training(names):
        before = untouched.state(names)
        calls = run(check, given, names["__file__"])
        for call in places(calls):
            run(check, given, names["__file__"], call)
            if changed := untouched.changes(before, names):
                return [f"{one}, when call {call} of {calls} fails" for one in changed]
    return []


@contextlib.contextmanager
def _in_training(names: dict[str, Any]) -> Iterator[None]:
    """Networks in train mode: in one that its program left in eval mode, nobody sees that a check forgets it there."""
    networks = [value for value in names.values() if isinstance(value, nn.Module)]
    modes = [(module, module.training) for network in networks for module in network.modules()]
    for module, _ in modes:
        module.training = True
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def places(calls: int) -> list[int]:
    """Of so many calls those that are tried."""
    return sorted({1, 2, (calls + 1) // 2, calls} & set(range(1, calls + 1)))


def run(check: Callable[..., Any], given: dict[str, Any], path: str, end: int = 0) -> int:
    """Call a check, and end it as a call into the program returns; by default let it run, and count these calls."""
    calls, process, before = 0, os.getpid(), sys.gettrace()

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if (code.co_filename == path or code.co_name in PASSES) and os.getpid() == process:  # not in a loader's worker
            frame.f_trace_lines = False
            return leave
        return None

    @torch.compiler.disable  # else Dynamo compiles it, too, where the check runs a compiled network
    def leave(_: FrameType, event: str, __: Any) -> Any:
        nonlocal calls
        calls += event == "return"
        if calls == end and event == "return":
            raise Interrupted
        return leave

    sys.settrace(enter)
    try:
        with contextlib.suppress(Interrupted):
            check(**given)
    finally:
        sys.settrace(before)
    return calls
