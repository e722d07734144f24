"""Every cause of every symptom, by name: planted, seen, found, told apart, cured. The one suite behind all their pages.

A symptom's test file says what the symptom looks like, and hands each cause to :func:`prove`::

    def shows(run: Run) -> bool:
        return any(not math.isfinite(loss) for loss in run.series("loss"))


    @causes("loss-nan")
    def test_cause(cause: str, record_property: Record) -> None:
        prove(cause, shows, record_property)
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import io
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from scripts import logs
from tests.support import checked_up, interrupted, untouched

ROOT = Path(__file__).resolve().parents[2]
SECTION = "checklist"
LONGEST = 60  # lines of a program that a reader should see through
CHANGED = 16  # lines, taken away and put in, between the broken program and its cure
Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Run:
    """What one program left behind.

    Args:
        log: what it printed; warnings, and the error that ended it, as their own lines.
        names: its variables, those up to the error where one ended it.
        error: the error that ended it, if one did.
    """

    log: str
    names: dict[str, Any] = field(repr=False)
    error: BaseException | None

    def series(self, name: str) -> list[float]:
        """The numbers that its log gives under a name: of lines such as ``step 20  loss 1.873  accuracy 0.41``."""
        return logs.numbers(self.log, name)

    def last(self, name: str) -> float:
        """The last number under a name."""
        return self.series(name)[-1]


def causes(symptom: str) -> pytest.MarkDecorator:
    """Parametrize a test by the causes that the symptom's page lists."""
    return pytest.mark.parametrize("cause", [f"{symptom}/{row['id']}" for row in rows(symptom)], ids=_last)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


@cache
def rows(symptom: str) -> list[dict[str, str]]:
    """The records of the page's front matter."""
    text = (ROOT / "docs" / "en" / SECTION / f"{symptom}.md").read_text(encoding="utf-8")
    return list(yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))["causes"])


def program(name: str, role: str) -> Path:
    """The broken or fixed program of ``symptom/cause``."""
    symptom, cause = name.replace("-", "_").split("/")
    return ROOT / "snippets" / SECTION / symptom / f"{role}_{cause}.py"


@cache
def run(path: Path) -> Run:
    """Run a program as its reader would, once; whatever it sets for all of torch is taken back."""
    said, error = io.StringIO(), None
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    with _as_it_was(), warnings.catch_warnings(), contextlib.redirect_stdout(said):
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, category, *_: print(f"{category.__name__}: {message}")
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
        try:
            exec(code, names)
        except Exception as ended:
            error = ended
            print(f"{type(ended).__name__}: {ended}")
    return Run(said.getvalue(), names, error)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """A folder to write in, the same chance for every run, and settings that do not outlive it."""
    dtype, strict = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    states = random.getstate(), np.random.get_state()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_default_dtype(dtype)
            torch.use_deterministic_algorithms(strict)
            torch.set_grad_enabled(True)
            torch.autograd.set_detect_anomaly(False)


def prove(cause: str, shows: Callable[[Run], bool], record: Record) -> None:
    """The symptom shows, the check finds it and is silent on cure and look-alike, the cure cures, nothing is changed.

    What the check says of the page's other bugs and of their cures, and what checkup says of this one, is no verdict:
    it is kept, and pages show it.

    Args:
        cause: ``symptom/cause``.
        shows: whether a run shows the symptom.
        record: keeps what the check found, and what it says of the others, for the page.
    """
    symptom, own = cause.split("/")
    row = next(row for row in rows(symptom) if row["id"] == own)
    unlike = row["unlike"] if "/" in row["unlike"] else f"{symptom}/{row['unlike']}"
    check = getattr(importlib.import_module(f"snippets.{SECTION}.{symptom.replace('-', '_')}.check"), row["check"])
    broken, fixed, other = run(program(cause, "broken")), run(program(cause, "fixed")), run(program(unlike, "broken"))

    assert shows(broken), f"the broken program does not show the symptom:\n{broken.log[-2000:]}"
    assert fixed.error is None, f"the fixed program ends with an error:\n{fixed.log[-2000:]}"
    assert not shows(fixed), f"the fixed program shows the symptom:\n{fixed.log[-2000:]}"
    finding = asked(check, broken)
    assert finding, f"{row['check']} does not find the cause"
    assert not asked(check, fixed), f"{row['check']} raises a false alarm on the cure: {asked(check, fixed)}"
    assert not asked(check, other), f"{row['check']} takes {unlike} for this cause: {asked(check, other)}"
    _could_have_spoken(check, broken, other)
    _is_safe_to_end(symptom, check, broken)
    _takes_networks_that_keep_results(check, broken, finding)
    _readable(cause)
    record("finds", finding)
    with _as_it_was():
        record("checkup", checked_up.says(cause, broken.names, fixed.names))
    for row in rows(symptom):
        if row["id"] != own:
            for role in ("broken", "fixed"):
                record(f"{role} {row['id']}", _answer(check, run(program(f"{symptom}/{row['id']}", role))))


def _answer(check: Callable[..., Any], program_run: Run) -> str:
    """A check that is asked of another bug, or of its cure: it speaks, is silent, or cannot be asked."""
    if _given(check, program_run)[1]:
        return "not asked"
    try:
        return "speaks" if asked(check, program_run) else "silent"
    except Changed:
        raise
    except Exception as error:  # a check made for another kind of program; the page says so
        return type(error).__name__


class Changed(AssertionError):
    """A check changed what it was to look at."""


def asked(check: Callable[..., Any], program_run: Run) -> str:
    """What a check says of a finished program, whose variables it takes by name; it must change nothing.

    Raises:
        AssertionError: the program has no variable of a name that the check asks for, or the check changed something.
    """
    given, missing = _given(check, program_run)
    assert not missing, f"{check.__name__} asks for {', '.join(missing)}; the program has no such variables"
    with _as_it_was():
        before = untouched.state(program_run.names)
        try:
            found = check(**given)
        finally:  # also where it raises
            if changed := untouched.changes(before, program_run.names):
                raise Changed(f"{check.__name__} changes {', '.join(changed)}")
    return str(found or "")


def _could_have_spoken(check: Callable[..., Any], broken: Run, other: Run) -> None:
    """The look-alike has all that the check was given of the broken program: without it, silence says nothing."""
    unasked = _given(check, broken)[0].keys() - _given(check, other)[0].keys()
    assert not unasked, f"{check.__name__} gets no {', '.join(sorted(unasked))} of the look-alike: its silence is empty"


def _is_safe_to_end(symptom: str, check: Callable[..., Any], program_run: Run) -> None:
    """Where an error ends a check, nothing is left behind; nor by what its module offers to readers besides checks."""
    module = sys.modules[check.__module__]
    text, checks = inspect.getsource(module), {row["check"] for row in rows(symptom)}
    for name, function in inspect.getmembers(module, inspect.isfunction):
        offered = name not in checks and text.count(f"{name}(") == 1  # no check calls it, either
        if name == check.__name__ or (offered and "model" in inspect.signature(function).parameters):
            given, missing = _given(function, program_run)
            with _as_it_was():
                left = [] if missing else interrupted.left_behind(function, given, program_run.names)
            if left:
                raise Changed(f"{name} leaves behind: {'; '.join(left)}")


def _takes_networks_that_keep_results(check: Callable[..., Any], program_run: Run, finding: str) -> None:
    """Attention that is kept to be looked at, the older ``weight_norm``: ``copy.deepcopy`` alone refuses these."""
    networks = [value for value in program_run.names.values() if isinstance(value, torch.nn.Module)]
    for network in networks:
        for module in network.modules():
            module._kept = torch.ones(1, requires_grad=True) * 2  # type: ignore[assignment]
    try:
        assert asked(check, program_run) == finding, f"{check.__name__} finds something else in such a network"
    finally:
        for network in networks:
            for module in network.modules():
                module.__dict__.pop("_kept", None)


def _given(check: Callable[..., Any], program_run: Run) -> tuple[dict[str, Any], list[str]]:
    """The program's variables that a check takes, by name, and the names of those that it lacks."""
    wanted = inspect.signature(check).parameters.values()
    given = {one.name: program_run.names[one.name] for one in wanted if one.name in program_run.names}
    return given, [one.name for one in wanted if one.name not in given and one.default is inspect.Parameter.empty]


def _readable(cause: str) -> None:
    """The programs are short, and the cure is a change of few lines."""
    texts = [program(cause, role).read_text(encoding="utf-8").splitlines() for role in ("broken", "fixed")]
    for role, lines in zip(("broken", "fixed"), texts, strict=True):
        assert len(lines) <= LONGEST, f"the {role} program has {len(lines)} lines; a reader should see through it"
    changed = [line for line in difflib.ndiff(*texts) if line[:2] in ("- ", "+ ")]
    assert 0 < len(changed) <= CHANGED, f"{len(changed)} lines differ between broken and fixed program"
