"""Objects of JSON files whose members must be there and of a type: what is read is checked, once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, TypeVar

_REQUIRED = object()
T = TypeVar("T")


class BadReport(Exception):
    """A file is no report, or no whole one; the text names the file and the place in it."""


class Row:
    """A JSON object whose members must be there and of a type."""

    def __init__(self, value: object, where: str, separator: str = ".") -> None:
        if not isinstance(value, dict):
            raise BadReport(f"{where}: not a report of this verifier: an object is expected here")
        self._value, self._where = value, where + separator

    def get(self, name: str, kind: type[T], default: object = _REQUIRED) -> T:
        """A member; whole numbers are floats too, and no float is beyond all numbers."""
        value = self._value.get(name, default)
        if value is _REQUIRED:
            raise BadReport(f"{self._where}{name} is missing: not a report of this verifier, or not a whole one")
        if kind is float and type(value) is int:
            value = float(value)
        fits = type(value) is kind or kind is object
        if not fits or (isinstance(value, float) and not math.isfinite(value)):
            raise BadReport(f"{self._where}{name}: {_short(value)} is not of type {kind.__name__}")
        return value

    def optional(self, name: str, kind: type[T]) -> T | None:
        """A member that may be missing or null."""
        return None if self._value.get(name) is None else self.get(name, kind)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        """A text of a form."""
        text = self.get(name, str)
        if not pattern.fullmatch(text):
            raise BadReport(f"{self._where}{name}: {_short(text)} is not of the form {pattern.pattern}")
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty when it is missing."""
        return tuple(self._each(name, self.get(name, list, [])))

    def mapping(self, name: str) -> dict[str, str]:
        """Texts by name; empty when it is missing."""
        found: dict[str, Any] = self.get(name, dict, {})
        return dict(zip(found, self._each(name, found.values()), strict=True))

    def _each(self, name: str, values: Iterable[object]) -> Iterable[str]:
        for value in values:
            if not isinstance(value, str):
                raise BadReport(f"{self._where}{name}: {_short(value)} is not of type str")
            yield value


def _short(value: object) -> str:
    return repr(value) if len(repr(value)) < 80 else repr(value)[:77] + "..."
