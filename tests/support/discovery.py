"""Finds what a section's conformance suite tests: the modules in the section's rooms, and functions in them.

Nothing here names an entry. A module is imported by its dotted path; importing a snippet does nothing.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from scripts.problems import ROOT
from scripts.sources import snippets


def modules(section: str) -> dict[str, ModuleType]:
    """``<id_>/<role>`` -> module, such as ``adam/use``, for every snippet of a section that is no experiment."""
    found = {}
    for snippet in snippets.load(ROOT):
        name, entry = snippet.room.split("/")
        if name == section and snippet.role != "evidence":
            dotted = snippet.path.removesuffix(".py").replace("/", ".")
            found[f"{entry}/{snippet.role}"] = importlib.import_module(dotted)
    return found


def own_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions that the module itself defines, under each of their names."""
    for name, value in vars(module).items():
        function = inspect.unwrap(value) if callable(value) else None
        if isinstance(function, FunctionType) and function.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value
