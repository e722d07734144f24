"""Reading build/verification.json: what was run, where, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.generate import html
from scripts.generate.words import word
from scripts.problems import Problem

Report = dict[str, Any]
_sorted: list[tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]] = []  # the last report asked, by snippet
DEVICES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}


def passed(report: Report, snippet: str) -> list[dict[str, Any]]:
    """The snippet's passed results, one a torch version and device: first this build's own torch, on the CPU."""
    found = [r for r in _by_path(report["results"]).get(snippet, []) if r["status"] == "passed"]

    def rank(result: dict[str, Any]) -> tuple[bool, bool, str, str]:
        own = torch_of(report, result) == str(report["torch"]).split("+")[0]
        return (not own, result["device"] != "cpu", result["device"], torch_of(report, result))

    return sorted(found, key=rank)


def _by_path(results: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The results of each snippet; sorted out once for each report, for every page asks."""
    if not _sorted or _sorted[0][0] is not results:
        found: dict[str, list[dict[str, Any]]] = {}
        for result in results:
            found.setdefault(result["path"], []).append(result)
        _sorted[:] = [(results, found)]
    return _sorted[0][1]


def first(report: Report, snippet: str) -> dict[str, Any] | None:
    """The result whose output and artifacts the page shows."""
    return next(iter(passed(report, snippet)), None)


def torch_of(report: Report, result: dict[str, Any]) -> str:
    """The torch version that a result was proved on, without the build's label."""
    return str(result.get("torch") or report["torch"]).split("+")[0]


def day_of(report: Report, result: dict[str, Any]) -> str:
    """The day on which a result was proved."""
    return str(result.get("verified") or report["started"])[:10]


def device_of(result: dict[str, Any]) -> str:
    """The device as readers know it: ``CPU``, or a GPU's own name."""
    name = DEVICES.get(result["device"], result["device"])
    own = result.get("device_name")
    return f"{name} ({own})" if own and result["device"] != "cpu" else name


def proof(report: Report, result: dict[str, Any]) -> str:
    """``torch 2.13.0 · CPU · 2026-11-22``."""
    return " · ".join([f"torch {torch_of(report, result)}", device_of(result), day_of(report, result)])


def badge(report: Report, result: dict[str, Any], lang: str) -> str:
    """HTML: where this build verified a snippet, and in what time."""
    return f"{word('verified_on', lang)} {html.text(proof(report, result))} · {result['seconds']:.2f} s"


def problems(report: Report, root: Path, snippets: list[str]) -> Iterator[Problem]:
    """Snippets that did not pass on some device, that the report does not know, or that it knows in another version."""
    known = {result["path"] for result in report["results"]}
    for snippet in snippets:
        if snippet not in known:
            yield Problem(snippet, 1, "this snippet was not verified", "Run: make verify")
    hashes = {snippet: hashlib.sha256((root / snippet).read_bytes()).hexdigest() for snippet in snippets}
    for result in report["results"]:
        if hashes.get(result["path"], "") != result.get("sha256"):
            where = f"{result['device']}, torch {torch_of(report, result)}"
            message = f"a report ({where}) is of another version of this file"
            remedy = "Verify the sources at hand on that machine again, or leave its report out of REPORTS."
            yield Problem(result["path"], 1, message, remedy)
            continue
        if result["status"] in ("passed", "skipped"):
            continue
        error = result.get("error") or {}
        message = f"{result['status']} on {result['device']}: {error.get('type', '')}: {error.get('message', '')}"
        pages = ", ".join(result.get("embedded_in") or []) or "no page"
        yield Problem(result["path"], error.get("line") or 1, message, f"Mend the snippet; it stands on {pages}.")
