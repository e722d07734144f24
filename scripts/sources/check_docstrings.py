"""Docstrings stand on the reference pages as Markdown: no HTML in them that a page would take for its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from scripts.memory import remembered
from scripts.problems import Problem
from scripts.sources import marks, reading
from scripts.sources.catalog import Catalog

WRONG: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<(?=[A-Za-z/!?])"), "HTML"),
    (re.compile(r"&(#\w+|\w+);"), "a character written as HTML"),
    (re.compile(r"\]\(\s*(?!https?://)[^)]*\)?|!\["), "a link that does not begin with https://, or an image"),
    (re.compile(r"^\s*-+8<-+", re.MULTILINE), "a mark of pages"),
)
REMEDY = "Put code in double backticks; else leave it out."


def check(catalog: Catalog) -> Iterator[Problem]:
    """What docstrings of snippets and of the build's own modules hold that would be more than text on a page."""
    modules = [path.relative_to(catalog.root).as_posix() for path in (catalog.root / "scripts").rglob("*.py")]
    for snippet in catalog.snippets:
        if snippet.role != "evidence":
            yield from _problems(snippet.text, snippet.path)
    for name in sorted(modules):
        yield from _problems(reading.text(catalog.root / name, name), name)


@remembered
def _problems(text: str, name: str) -> list[Problem]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []  # the verifier says so
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node.value.value, str):
            plain = marks.without_code(node.value.value)
            for pattern, what in WRONG:
                if match := pattern.search(plain):
                    line = node.lineno + plain.count("\n", 0, match.start())
                    found.append(Problem(name, line, f"a docstring holds {what}: {match.group()}", REMEDY))
    return found
