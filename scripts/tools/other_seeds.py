"""Tries experiments and claims with other seeds, and names those that hold only for the seeds that stand in them.

Run as ``python -m scripts.tools.other_seeds [NUMBER]``. A claim about chance is to hold for the seeds that nobody has
looked at. Here every seed that the snippets, their tests and the tests' helpers set is the written one plus NUMBER, in
a copy of the sources below ``build/copies/``. Planted bugs and their cures are left as they are: their logs stand on
the pages, one run each. What fails is to be looked at, not to be made equal: a claim may speak of one seed and say so.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.problems import ROOT
from scripts.tools.other_cpus import copy, problems

SETTERS = ("manual_seed", "seed", "default_rng", "RandomState")
KEYWORD = "random_state"
FOLDERS = ("snippets", "tests/snippets", "tests/support")
PLANTED = "snippets/checklist/"


def shifted(code: str, number: int) -> str:
    """Python code in which ``number`` is added to every seed that is set; its lines are as many as before."""
    lines = code.splitlines(keepends=True)
    for seed in sorted(_seeds(ast.parse(code)), key=lambda node: (node.lineno, node.col_offset), reverse=True):
        first, last = seed.lineno - 1, (seed.end_lineno or seed.lineno) - 1
        end = lines[last].encode()
        lines[last] = (end[: seed.end_col_offset] + b")" + end[seed.end_col_offset or 0 :]).decode()
        start = lines[first].encode()
        lines[first] = (start[: seed.col_offset] + f"{number} + (".encode() + start[seed.col_offset :]).decode()
    return "".join(lines)


def _seeds(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SETTERS and node.args and not isinstance(node.args[0], ast.Starred):
                yield node.args[0]
            yield from (word.value for word in node.keywords if word.arg == KEYWORD and _is_number(word.value))


def _is_number(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is None)


def shift(folder: Path, number: int) -> None:
    """Add ``number`` to the seeds of all experiments, claims and helpers in a copy of the sources."""
    for part in FOLDERS:
        for file in sorted((folder / part).rglob("*.py")):
            if not file.relative_to(folder).as_posix().startswith(PLANTED):
                code = file.read_text(encoding="utf-8")
                file.write_text(shifted(code, number), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Print what fails with the other seeds; 1 where anything does."""
    parser = argparse.ArgumentParser(prog="python -m scripts.tools.other_seeds", description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=1000, help="what is added to each seed (default: 1000)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in a copy whose seeds are others
    options = parser.parse_args(arguments)
    if options.here:
        found = problems(Path.cwd())
        print(*found, sep="\n")
        return int(bool(found))
    folder = copy(ROOT, f"seeds-{options.number}")
    shift(folder, options.number)
    command = [sys.executable, "-m", "scripts.tools.other_seeds", "--here"]
    return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": "."}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
