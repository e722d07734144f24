"""The verifier's report: what was run, where, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.problems import Problem
from scripts.sources.snippets import Snippet


@dataclass(frozen=True)
class Error:
    """Why a snippet did not pass, and in which line."""

    type: str
    message: str
    line: int | None


@dataclass(frozen=True)
class Result:
    """One snippet on one device."""

    path: str
    device: str
    status: str
    seconds: float
    sha256: str
    torch: str
    python: str
    device_name: str
    verified: str
    output: str = ""
    artifacts: tuple[str, ...] = ()
    error: Error | None = None
    embedded_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All results of a run, or of several runs joined; ``data`` is the report as it is published."""

    torch: str
    results: tuple[Result, ...]
    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As it is published."""
        return self.data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """The report that a file holds."""
        return cls(data["torch"], tuple(_result(row) for row in data["results"]), data)

    @classmethod
    def read(cls, path: Path) -> Report:
        """The report in a file."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def _by_path(self) -> dict[str, list[Result]]:
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.path, []).append(result)
        return found

    def passed(self, path: str) -> list[Result]:
        """A snippet's passed results, one a torch version and device: first this build's own torch, on the CPU."""

        def rank(result: Result) -> tuple[bool, bool, str, str]:
            version = result.torch.split("+")[0]
            own = version == self.torch.split("+")[0]
            return not own, result.device != "cpu", result.device, version

        return sorted((r for r in self._by_path.get(path, []) if r.status == "passed"), key=rank)

    def first(self, path: str) -> Result | None:
        """The result whose output and artifacts the page shows."""
        return next(iter(self.passed(path)), None)


def _result(row: dict[str, Any]) -> Result:
    error = row.get("error")
    return Result(
        path=row["path"],
        device=row["device"],
        status=row["status"],
        seconds=row["seconds"],
        sha256=row["sha256"],
        torch=row["torch"],
        python=row["python"],
        device_name=row["device_name"],
        verified=row["verified"],
        output=row.get("output", ""),
        artifacts=tuple(row.get("artifacts", ())),
        error=Error(error["type"], error["message"], error.get("line")) if error else None,
        embedded_in=tuple(row.get("embedded_in", ())),
    )


def problems(report: Report, snippets: list[Snippet]) -> Iterator[Problem]:
    """Snippets that did not pass on some device, that the report does not know, or that it knows in another version."""
    known = {result.path for result in report.results}
    for snippet in snippets:
        if snippet.path not in known:
            yield Problem(snippet.path, 1, "this snippet was not verified", "Run: make verify")
    hashes = {snippet.path: snippet.sha256 for snippet in snippets}
    for result in report.results:
        if hashes.get(result.path, "") != result.sha256:
            message = (
                f"a report ({result.device}, torch {result.torch.split('+')[0]}) is of another version of this file"
            )
            remedy = "Verify the sources at hand on that machine again, or leave its report out of REPORTS."
            yield Problem(result.path, 1, message, remedy)
        elif result.status not in ("passed", "skipped"):
            error = result.error or Error("", "", None)
            message = f"{result.status} on {result.device}: {error.type}: {error.message}"
            pages = ", ".join(result.embedded_in) or "no page"
            yield Problem(result.path, error.line or 1, message, f"Mend the snippet; it stands on {pages}.")
