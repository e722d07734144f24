"""What a reader's code may have to catch stands in the docstring: every exception that public code of a room raises."""

import ast
from collections.abc import Iterator

import pytest

from scripts.sources.catalog import Catalog


def unsaid(source: str) -> Iterator[tuple[str, str]]:
    """Yield (function, exception) for each `raise` that no docstring names: the function's, its class's, `__init__`'s.

    Private functions and classes are passed over: who calls them reads the docstring of what is public.
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            yield from _unsaid_of(node, ast.get_docstring(node) or "")
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
            made = [ast.get_docstring(method) or "" for method in methods if method.name == "__init__"]
            said = "\n".join([ast.get_docstring(node) or "", *made])
            for method in methods:
                yield from _unsaid_of(method, said + (ast.get_docstring(method) or ""), f"{node.name}.")


def _unsaid_of(function: ast.FunctionDef, said: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    if function.name.startswith("_") and not function.name.startswith("__"):
        return
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            exception = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            if exception not in said:
                yield prefix + function.name, exception


def test_every_exception_that_is_raised_stands_in_a_docstring(catalog: Catalog) -> None:
    texts = {snippet.path: snippet.text for snippet in catalog.snippets if snippet.role != "evidence"}
    missing = [f"{path}: {name} {exception}" for path, text in texts.items() for name, exception in unsaid(text)]
    assert missing == []


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Return 1.", [("f", "ValueError")]),
        ("Raise ``TypeError``.", [("f", "ValueError")]),
        ("Raise ``ValueError``.", []),
        ("Return 1.\n\n    Raises:\n        ValueError: always.\n", []),
    ],
)
def test_an_exception_left_out_is_found(docstring: str, expected: list[tuple[str, str]]) -> None:
    assert list(unsaid(f'def f():\n    """{docstring}"""\n    raise ValueError("no")\n')) == expected
