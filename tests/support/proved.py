"""Takes over what `make site` has just proved: test files of claims that passed as they and all they depend on are now.

They are not even imported. Which those are is found once in a session, also with pytest-xdist: its workers are told. A
file that is named on the command line runs all the same. Not a part of ``conftest.py``, which every claim's key covers:
what is chosen here cannot change a verdict.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts import claims
from scripts.problems import ROOT
from scripts.stage import Stage

FOUND = pytest.StashKey[dict[str, int]]()


def proved(root: Path) -> dict[str, int]:
    """Each test file that passed in the last build and whose key is the same now, and how many tests it holds."""
    return {
        test: len(result.cases)
        for test, result in claims.read(Stage(root).claims).items()
        if result.passed and (root / test).is_file() and result.key == claims.key(root, test)
    }


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--fresh`` takes nothing over."""
    parser.addoption("--fresh", action="store_true", help="run also what `make site` proved and nothing changed since")


def found(config: pytest.Config) -> dict[str, int]:
    """What is taken over in this run of pytest."""
    if FOUND not in config.stash:
        told: dict[str, Any] = getattr(config, "workerinput", {})
        config.stash[FOUND] = {} if config.getoption("fresh") else told.get("proved") or _asked_for(config)
    return config.stash[FOUND]


def _asked_for(config: pytest.Config) -> dict[str, int]:
    """Of what is proved, that which would run: below a folder of the command line."""
    if hasattr(config, "workerinput"):
        return {}
    asked = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    return {
        test: number
        for test, number in proved(ROOT).items()
        if any((ROOT / test).is_relative_to(folder) and folder.is_dir() for folder in asked)
    }


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist."""
    node.workerinput["proved"] = found(node.config)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave a file out that is taken over."""
    if collection_path.suffix != ".py" or not collection_path.is_relative_to(ROOT):
        return None
    return collection_path.relative_to(ROOT).as_posix() in found(config) or None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was not run again."""
    if taken := sum(found(config).values()):
        line = f"{taken} tests of claims: taken over from make site, which proved them; ARGS=--fresh runs them"
        terminalreporter.write_line(line)
