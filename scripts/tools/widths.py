"""Points at claims that may promise more than their tests try: ``python -m scripts.tools.widths``.

A sentence that says "every", "all", "never", "no other" or "only" needs a test that goes through all of what it speaks
of. Listed are those whose test neither is parametrized nor loops. A pointer, not a judge: read both.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.problems import BuildError
from scripts.sources import reading
from scripts.sources.catalog import Catalog, load

QUANTIFIERS = re.compile(r"\b(every|all|each|any|never|always|none|no other|only|whatever|both)\b", re.IGNORECASE)
LOOPS = (ast.For, ast.While, ast.comprehension)
GIVEN = {"given", "parametrize"}  # decorators that try more than one case


@dataclass(frozen=True)
class Suspect:
    """A claim whose words are wider than its test looks: where it stands, its sentence, and the words in question."""

    path: str
    line: int
    claim: str
    sentence: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {', '.join(self.words)}: [{self.sentence}] test_{self.claim}"


def suspects(catalog: Catalog) -> Iterator[Suspect]:
    """Every claim with a quantifier whose test tries one thing."""
    for entry in catalog.entries:
        if entry.test not in catalog.tests:
            continue
        narrow = _narrow(reading.text(catalog.root / entry.test, entry.test))
        for mark in entry.en.of("claim"):
            words = tuple(dict.fromkeys(word.lower() for word in QUANTIFIERS.findall(mark.text)))
            if words and mark.target in narrow:
                yield Suspect(entry.en.path, mark.line, mark.target, " ".join(mark.text.split()), words)


def _narrow(text: str) -> set[str]:
    """Claims of a test file whose test has no loop and no parameters, and calls no function of the file that loops."""
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    wide = {name for name, node in functions.items() if _tries_several(node)}
    found = set()
    for name, node in functions.items():
        called = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if name.startswith("test_") and name not in wide and not called & wide:
            found.add(name.removeprefix("test_"))
    return found


def _tries_several(node: ast.FunctionDef) -> bool:
    decorators = {part.attr for one in node.decorator_list for part in ast.walk(one) if isinstance(part, ast.Attribute)}
    decorators |= {part.id for one in node.decorator_list for part in ast.walk(one) if isinstance(part, ast.Name)}
    return bool(decorators & GIVEN) or any(isinstance(part, LOOPS) for part in ast.walk(node))


def main() -> int:
    """Print every suspect, and their number."""
    try:
        found = list(suspects(load()))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(map(str, found)))
    print(f"\n{len(found)} claims to look at; nothing is wrong with one whose test tries all that it speaks of.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
