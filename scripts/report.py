"""What a verification found, as typed values: build/verification.json, in memory.

Everything that comes from a file is checked here, once: a report may have been written on another machine.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.rows import BadReport, Row

STATUSES = ("passed", "failed", "crashed", "timeout", "memory", "output", "exited-early", "skipped")
_VERSION = re.compile(r"[\w.+-]+(, [\w.+-]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# The order of what a result's file holds, but for what only some have.
_ORDER = (
    *("path", "device", "status", "seconds", "cached", "output", "artifacts", "error", "sha256", "torch", "python"),
    *("device_name", "verified"),
)


@dataclass(frozen=True)
class Error:
    """Why a snippet did not pass. ``frames`` are the snippet's own: line and function, innermost last."""

    type: str
    message: str
    line: int | None = None
    source: str | None = None
    frames: tuple[tuple[int, str], ...] = ()
    where: str = ""  # in which thread or finalizer, when not on the way through the file

    def to_json(self) -> dict[str, Any]:
        """As the report's file holds it."""
        rest = {"where": self.where} if self.where else {}
        frames = [list(frame) for frame in self.frames]
        return {
            "type": self.type, "message": self.message, "line": self.line, "source": self.source, "frames": frames,
            **rest,
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: object, where: str = "error") -> Error:
        """Check and take over.

        Raises:
            BadReport: something is missing or of another type.
        """
        row = Row(value, where)
        frames = []
        for frame in row.get("frames", list, []):
            if not isinstance(frame, list) or [type(part) for part in frame] != [int, str]:
                raise BadReport(f"{where}.frames: each must be a line number and a name")
            frames.append((frame[0], frame[1]))
        return cls(
            row.get("type", str), row.get("message", str), row.optional("line", int), row.optional("source", str),
            tuple(frames), row.get("where", str, ""),
        )  # fmt: skip


@dataclass(frozen=True)
class Result:
    """One snippet on one device."""

    path: str
    device: str
    status: str
    sha256: str
    torch: str
    python: str
    device_name: str
    verified: str  # when, in ISO 8601
    seconds: float = 0.0
    cached: bool = False
    output: str = ""
    artifacts: tuple[str, ...] = ()
    error: Error | None = None
    stderr: str = ""
    embedded_in: tuple[str, ...] = ()  # the pages that show it: file and line

    @property
    def release(self) -> str:
        """The torch version without the label of its build."""
        return self.torch.split("+")[0]

    def to_json(self) -> dict[str, Any]:
        """As the report's file holds it."""
        found = {name: getattr(self, name) for name in _ORDER}
        found["artifacts"] = list(self.artifacts)
        found["error"] = self.error.to_json() if self.error else None
        if self.stderr:
            found["stderr"] = self.stderr
        return found | {"embedded_in": list(self.embedded_in)}

    @classmethod
    def from_json(cls, value: object, where: str = "result") -> Result:
        """Check and take over.

        Raises:
            BadReport: something is missing or of another type, or no result can be so.
        """
        row = Row(value, where)
        error = row.get("error", object)
        result = cls(
            **{name: row.get(name, str) for name in ("path", "device", "status", "device_name", "verified", "output")},
            sha256=row.matching("sha256", _SHA256),
            torch=row.matching("torch", _VERSION),
            python=row.matching("python", _VERSION),
            seconds=row.get("seconds", float),
            cached=row.get("cached", bool),
            artifacts=row.texts("artifacts"),
            error=None if error is None else Error.from_json(error, f"{where}.error"),
            stderr=row.get("stderr", str, ""),
            embedded_in=row.texts("embedded_in"),
        )
        if result.status not in STATUSES:
            raise BadReport(f"{where}.status: {result.status!r} is none of {', '.join(STATUSES)}")
        if (result.status == "passed") != (error is None):
            raise BadReport(f"{where}: {result.path} {result.status}, which does not go with its error")
        for name in (result.path, *result.artifacts):
            if ".." in PurePosixPath(name).parts:
                raise BadReport(f"{where}: {name!r} leads out of its folder")
        return result


@dataclass(frozen=True)
class Shard:
    """Which part of how many a report is about, and the paths of the whole."""

    index: int
    of: int
    whole: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A whole verification. ``torch`` and ``python`` of a merged one list every version, joined by commas."""

    torch: str
    python: str
    started: str
    seconds: float
    results: tuple[Result, ...]
    device_names: dict[str, str] = field(default_factory=dict)
    guards: dict[str, str] = field(default_factory=dict)
    platform: str = ""
    shard: Shard | None = None
    merged_from: tuple[str, ...] = ()

    @cached_property
    def _by_path(self) -> dict[str, tuple[Result, ...]]:
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.path, []).append(result)
        return {path: tuple(results) for path, results in found.items()}

    def results_of(self, snippet: str) -> tuple[Result, ...]:
        """Every result of one snippet."""
        return self._by_path.get(snippet, ())

    def passed(self, snippet: str) -> list[Result]:
        """The snippet's passed results: first those of the machine that publishes, on the CPU."""
        own = self.torch.split(", ")[0].split("+")[0]
        found = [result for result in self.results_of(snippet) if result.status == "passed"]
        return sorted(found, key=lambda r: (r.release != own, r.device != "cpu", r.device, r.release))

    def first(self, snippet: str) -> Result | None:
        """The result whose output and artifacts the page shows."""
        return next(iter(self.passed(snippet)), None)

    def to_json(self) -> dict[str, Any]:
        """As the report's file holds it."""
        shard = {"index": self.shard.index, "of": self.shard.of, "whole": list(self.shard.whole)} if self.shard else {}
        return {
            "torch": self.torch,
            "python": self.python,
            "device_names": dict(self.device_names),
            "guards": dict(self.guards),
            "started": self.started,
            "seconds": self.seconds,
            **({"shard": shard} if shard else {}),
            "platform": self.platform,
            **({"merged_from": list(self.merged_from)} if self.merged_from else {}),
            "results": [result.to_json() for result in self.results],
        }

    @classmethod
    def from_json(cls, value: object, name: str = "report") -> Report:
        """Check and take over; ``name`` stands in complaints, so give the file's.

        Raises:
            BadReport: something is missing or of another type.
        """
        row = Row(value, name, separator=": ")
        results = row.get("results", list)
        shard = row.optional("shard", dict)
        part = Row(shard, f"{name}: shard") if shard else None
        return cls(
            torch=row.matching("torch", _VERSION),
            python=row.matching("python", _VERSION),
            started=row.get("started", str),
            seconds=row.get("seconds", float),
            results=tuple(Result.from_json(each, f"{name}: results[{i}]") for i, each in enumerate(results)),
            device_names=row.mapping("device_names"),
            guards=row.mapping("guards"),
            platform=row.get("platform", str, ""),
            shard=Shard(part.get("index", int), part.get("of", int), part.texts("whole")) if part else None,
            merged_from=row.texts("merged_from"),
        )

    @classmethod
    def read(cls, file: Path) -> Report:
        """The report in a file.

        Raises:
            BadReport: there is none, or it is something else.
        """
        try:
            value = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadReport(f"{file}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BadReport(f"{file}: not JSON ({error})") from error
        return cls.from_json(value, str(file))
