"""What is true of every test: the order, what the site's build has just proved, and second implementations."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import claims
from scripts.stage import Stage
from tests.support import oracles

__all__ = ["oracles"]

ROOT = Path(__file__).resolve().parent.parent
SLOWEST = ["test_every_page.py", "test_copying.py", "test_build.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fresh", action="store_true", help="run also what `make site` proved and nothing changed since")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slowest files first, for a file is one worker's; what `make site` proved of claims is taken over."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))
    if config.getoption("fresh"):
        return
    proved = _proved({item.path for item in items})
    taken = [item for item in items if item.path in proved]
    if taken:
        config.hook.pytest_deselected(items=taken)
        items[:] = [item for item in items if item.path not in proved]


def _proved(files: set[Path]) -> set[Path]:
    """The test files of claims that passed as they and all they depend on are now."""
    known = claims.read(Stage(ROOT).claims)
    names = {path: path.relative_to(ROOT).as_posix() for path in files if path.is_relative_to(ROOT)}
    return {
        path
        for path, name in names.items()
        if name in known and known[name].passed and known[name].key == claims.key(ROOT, name)
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was not run again."""
    if taken := len(terminalreporter.stats.get("deselected", [])):
        line = f"{taken} tests of claims: taken over from make site, which proved them; ARGS=--fresh runs them"
        terminalreporter.write_line(line)
