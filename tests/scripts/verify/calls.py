"""Runs of the real command line, shared by the tests of the verifier."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
FAULTS = ROOT / "tests" / "scripts" / "faults"
SECRET = "VERIFY_FAULT_SECRET"


class Run(NamedTuple):
    """What a call of the verifier left."""

    code: int
    errors: str
    report: dict[str, Any]
    build: Path

    def result(self, name: str) -> dict[str, Any]:
        """The one result whose file has this name."""
        (row,) = [row for row in self.report["results"] if Path(row["path"]).name == name]
        return row


def command(*arguments: object) -> list[str]:
    """The verifier as people call it."""
    return [sys.executable, "-m", "scripts.verify", *map(str, arguments)]


def surroundings() -> dict[str, str]:
    """An environment with a secret in it."""
    return {**os.environ, SECRET: "do not tell", "COLUMNS": "120"}


def verify(*arguments: object, build: Path) -> Run:
    """Call the verifier with a build folder of its own."""
    done = subprocess.run(
        command(*arguments, "--build", build), cwd=ROOT, env=surroundings(), capture_output=True, text=True, timeout=300
    )
    report = build / "verification.json"
    return Run(done.returncode, done.stderr, json.loads(report.read_text()) if report.exists() else {}, build)


def survivors(build: Path) -> list[str]:
    """Living processes that a verifier with this build folder started: all inherit a path into it."""
    marks = tuple(f"MPLCONFIGDIR={build}{end}".encode() for end in ("/", "\0"))
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(mark in (process / "environ").read_bytes() for mark in marks):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            pass
    return found
