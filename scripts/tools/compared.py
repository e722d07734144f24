"""Runs every test that compares a network with a library's, and prints what it compared as a Markdown table.

    python -m scripts.tools.compared > compared.md

Each row is a comparison that passed: both networks' parameters, and the largest difference of their outputs under the
same weights, relative to the largest output, in eval and in train mode.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import pytest

from tests.support.networks import Comparison, compared

FOLDERS = ("tests/snippets/architectures", "tests/snippets/mobile")
HEAD = ("entry", "network", "compared with", "parameters", "of the other", "input", "eval", "train")


class Comparisons:
    """Keeps of a run the tests that compare networks, and what each compared."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Comparison]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Only the tests whose function calls ``same_logits``."""
        items[:] = [
            item for item in items if isinstance(item, pytest.Function) and "same_logits" in item.obj.__code__.co_names
        ]

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """What the test that ends has compared."""
        entry = item.path.stem.removeprefix("test_").replace("_", "-")
        self.rows += [(entry, comparison) for comparison in compared]
        compared.clear()


def line(entry: str, found: Comparison) -> str:
    """A row of the table."""
    counts = [f"{count:,}" for count in found.parameters]
    shape = "×".join(map(str, found.shape))
    differences = [f"{difference:.0e}" for difference in found.differences]
    return "| " + " | ".join([entry, found.ours.split(".")[-1], found.theirs, *counts, shape, *differences]) + " |"


def main() -> int:
    """The table on standard output, what pytest says on the other; its exit status is pytest's."""
    seen = Comparisons()
    with redirect_stdout(sys.stderr):
        status = pytest.main(["-q", "-p", "no:cacheprovider", "--fresh", *FOLDERS], plugins=[seen])
    print("| " + " | ".join(HEAD) + " |")
    print("|" + "---|" * len(HEAD))
    for row in dict.fromkeys(line(entry, found) for entry, found in seen.rows):
        print(row)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
