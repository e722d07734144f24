"""Finds what a section's conformance suite tests: the modules under `snippets/<section>/`, and functions in them.

Nothing here names an entry. A module is imported by its dotted path; importing a snippet does nothing.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def modules(section: str) -> dict[str, ModuleType]:
    """Stem of the file -> module, for every snippet of a section that is not evidence."""
    files = sorted((ROOT / "snippets" / section).glob("*.py"))
    return {f.stem: importlib.import_module(f"snippets.{section}.{f.stem}") for f in files if not _is_evidence(f)}


def _is_evidence(file: Path) -> bool:
    return file.stem.endswith("_evidence")


def own_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions that the module itself defines, under each of their names."""
    for name, value in vars(module).items():
        function = inspect.unwrap(value) if callable(value) else None
        if isinstance(function, FunctionType) and function.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value
