"""The order in which an engine hands out jobs while its zygote still imports."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.verify import guards
from scripts.verify.discover import Snippet
from scripts.verify.engine import Engine
from scripts.verify.jobs import Job, Settings, make
from scripts.verify.seen import Seen
from tests.scripts.verify.calls import survivors

AT_ONCE = """
import sys
import torch

assert "sklearn" not in sys.modules, "another snippet's import was waited for"
print("at once")
"""
WITH_SKLEARN = """
import sys

assert "sklearn.datasets" in sys.modules, "each child would import it anew"
import sklearn.datasets
import torch

print("with sklearn")
"""
WITHOUT_MODULE = """
try:
    import torch.no_such_module
except ImportError:
    print("without")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert not survivors(tmp_path)


def jobs(folder: Path, *sources: str) -> list[Job]:
    """A job for each source, as the verifier would make it."""
    settings = Settings(folder, guards.available(kernel=False))
    made = []
    for number, source in enumerate(sources):
        file = folder / f"{number}.py"
        file.write_text(source)
        snippet = Snippet(file.name, file, source.encode())
        made.append(make(number, snippet, "cpu", settings, folder / f"place-{number}", {}))
    return made


def outputs(slots: int, folder: Path, made: list[Job]) -> list[str]:
    """What each printed, or its complaint, in the order in which they ended."""
    seen: list[Seen] = []
    with Engine(slots, folder) as engine:
        engine.run(made, lambda job, result: seen.append(result))
    return [result.output.decode().strip() or str(result.reports or result.errors) for result in seen]


def test_what_needs_only_torch_runs_while_the_rest_is_imported(folder: Path) -> None:
    """One slot; the first in the queue needs what is not imported yet."""
    made = jobs(folder, WITH_SKLEARN, AT_ONCE, AT_ONCE)
    assert outputs(1, folder, made) == ["at once", "at once", "with sklearn"]


def test_what_needs_more_waits_for_it(folder: Path) -> None:
    """Two slots, and nothing that either could begin with."""
    assert outputs(2, folder, jobs(folder, WITH_SKLEARN, WITH_SKLEARN, WITH_SKLEARN)) == ["with sklearn"] * 3


def test_a_module_that_does_not_exist_is_not_waited_for(folder: Path) -> None:
    assert outputs(1, folder, jobs(folder, WITHOUT_MODULE)) == ["without"]


def test_leaving_early_ends_the_imports(folder: Path) -> None:
    """As Ctrl-C does: with a supervisor at work and the zygote still importing."""

    def interrupt(job: Job, result: Seen) -> None:
        assert result.output.strip() == b"at once"
        raise KeyboardInterrupt

    engine = Engine(1, folder)
    made = jobs(folder, WITH_SKLEARN, AT_ONCE)
    with pytest.raises(KeyboardInterrupt), engine:
        engine.run(made, interrupt)
    assert engine._zygote.returncode == -signal.SIGKILL


def test_a_zygote_that_is_killed_while_it_imports_is_started_again(folder: Path) -> None:
    """As a snippet could, on a machine without the kernel's guards."""
    seen: list[str] = []

    def finished(job: Job, result: Seen) -> None:
        if not seen:
            engine._zygote.kill()
        seen.append(result.output.decode().strip())

    engine = Engine(1, folder)
    made = jobs(folder, WITH_SKLEARN, AT_ONCE, AT_ONCE)
    with engine:
        engine.run(made, finished)
    assert seen == ["at once", "at once", "with sklearn"]
