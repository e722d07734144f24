"""The numbers of experiments, as the verifier ran them: a claim reads them, and trains nothing again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import companions

ROOT = Path(__file__).resolve().parents[2]
REMEDY = "run `make verify` first: it runs the experiments and keeps their numbers"


def read(room: str, what: str = "") -> Any:
    """What the experiment ``snippets/<room>/evidence[_<what>].py`` saved in its one JSON file.

    Fails the test where the experiment has not run, or has changed since.
    """
    stem = f"evidence_{what}" if what else "evidence"
    snippet = f"snippets/{room}/{stem}.py"
    content = (ROOT / snippet).read_bytes()
    digest = companions.digest(content, companions.of(ROOT, snippet, content))
    report = ROOT / "build" / "verification.json"
    results = json.loads(report.read_text(encoding="utf-8"))["results"] if report.exists() else []
    mine = [r for r in results if r["path"] == snippet and r["sha256"] == digest and r["status"] == "passed"]
    files = [
        path for result in mine if result["device"] == "cpu" for path in result["artifacts"] if path.endswith(".json")
    ]
    if len(set(files)) != 1:
        pytest.fail(f"{snippet} saved {len(set(files))} JSON files that are of its present text; {REMEDY}")
    return json.loads((ROOT / files[0]).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def evidence(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """``evidence()``, or ``evidence("mlp")``: the numbers of this entry's experiment, at full precision."""
    path = Path(str(request.path))
    room = f"{path.parent.name}/{path.stem.removeprefix('test_')}"

    def numbers(what: str = "") -> Any:
        return read(room, what)

    return numbers
