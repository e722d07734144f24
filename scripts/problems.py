"""What is wrong with the input, said so that a person can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in one place.

    Args:
        path: file, relative to the repository.
        line: line number, from 1.
        message: what is wrong.
        remedy: what to do about it.
    """

    path: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}\n    {self.remedy}"


class BuildError(Exception):
    """Stops the build; carries every problem that was found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


def stop_on(problems: Iterable[Problem]) -> None:
    """Raise :class:`BuildError` if there is any problem."""
    found = list(problems)
    if found:
        raise BuildError(found)
