"""Snippets: the files in an entry's room. A file's name is its role."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts import companions
from scripts.companions import Companion

ROLES = re.compile(r"use|from_scratch|check|(?:evidence|broken|fixed)(?:_[a-z0-9_]+)?")
KNOWN = "use.py, from_scratch.py, evidence.py, check.py, broken_<cause>.py or fixed_<cause>.py"
PLANTED = ("broken", "fixed")


@dataclass(frozen=True)
class Snippet:
    """One file of an entry's room, ``snippets/<section>/<id_>/<role>.py``.

    Args:
        path: relative to the repository.
        data: its bytes.
        companions: what it imports from this repository, if it is an experiment.
    """

    path: str
    data: bytes
    companions: tuple[Companion, ...] = ()

    @property
    def file(self) -> str:
        """``evidence.py``."""
        return self.path.rpartition("/")[2]

    @cached_property
    def role(self) -> str:
        """``use``, ``from_scratch``, ``evidence``, ``check``, ``broken`` or ``fixed``; several may have the same."""
        stem = self.file.removesuffix(".py")
        return next((role for role in ("evidence", *PLANTED) if stem.startswith(role)), stem)

    @cached_property
    def cause(self) -> str:
        """The id of the cause that a broken or fixed program is of: ``log-of-zero``; empty for others."""
        stem = self.file.removesuffix(".py")
        return stem.removeprefix(f"{self.role}_").replace("_", "-") if self.role in PLANTED else ""

    @property
    def room(self) -> str:
        """The entry's section and folder: ``optimizers/adamw``."""
        return "/".join(self.path.split("/")[1:-1])

    @cached_property
    def address(self) -> str:
        """Where readers find it, from the site's root.

        ``snippets/optimizers/adamw_from_scratch.py``, ``bugs/loss-nan/log-of-zero/broken.py``.
        """
        if self.cause:
            symptom = self.room.rpartition("/")[2].replace("_", "-")
            return f"bugs/{symptom}/{self.cause}/{self.role}.py"
        stem = self.file.removesuffix(".py")
        suffix = "" if stem == "use" else f"_{stem}"
        if stem.startswith("evidence_"):
            suffix = f"_{stem.removeprefix('evidence_')}_evidence"
        return f"snippets/{self.room}{suffix}.py"

    @property
    def published(self) -> str:
        """The name of the file that readers download: ``adamw_from_scratch.py``."""
        return self.address.rpartition("/")[2]

    @property
    def anchor(self) -> str:
        """The id of its block on the page: ``code-adamw-from-scratch``."""
        name = f"{self.cause}-{self.role}" if self.cause else self.published.removesuffix(".py")
        return f"code-{name.replace('_', '-')}"

    @cached_property
    def text(self) -> str:
        """Its text, as readers see it."""
        return self.data.decode("utf-8")

    @cached_property
    def parts(self) -> dict[str, tuple[int, int]]:
        """First and last line of each function and class at its top level, decorators included."""
        try:
            body = ast.parse(self.text).body
        except (SyntaxError, ValueError):  # the verifier will say so, with its line
            return {}
        found = {}
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found[node.name] = (start, node.end_lineno or start)
        return found

    @cached_property
    def sha256(self) -> str:
        """Hash of its bytes, and of those of its companions, by which reports know it."""
        return companions.digest(self.data, self.companions)


def load(root: Path) -> list[Snippet]:
    """Every snippet below ``root``, by path; what all experiments may share lies beside the rooms and is none."""
    files = sorted((root / "snippets").glob("*/*/*.py"))
    return [_read(root, path.relative_to(root).as_posix()) for path in files]


def _read(root: Path, path: str) -> Snippet:
    data = (root / path).read_bytes()
    return Snippet(path, data, companions.of(root, path, data))


def misplaced(root: Path) -> list[str]:
    """Python files below ``snippets/`` that lie in no room, or whose name is no role."""
    wrong = []
    for path in sorted((root / "snippets").rglob("*.py")):
        parts = path.relative_to(root / "snippets").parts
        if parts == (companions.SHARED,):
            continue
        if len(parts) != 3 or not ROLES.fullmatch(path.stem):
            wrong.append(path.relative_to(root).as_posix())
    return wrong
