"""What a report says of the sources at hand: snippets that do not hold, were not run, or are others by now."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.problems import Problem
from scripts.report import Report
from scripts.sources.snippets import Snippet


def problems(report: Report, snippets: list[Snippet]) -> Iterator[Problem]:
    """Snippets that did not pass on some device, that the report does not know, or that it knows in another version."""
    known = {result.path for result in report.results}
    for snippet in snippets:
        if snippet.path not in known:
            yield Problem(snippet.path, 1, "this snippet was not verified", "Run: make verify")
    hashes = {snippet.path: snippet.sha256 for snippet in snippets}
    for result in report.results:
        if hashes.get(result.path, "") != result.sha256:
            message = f"a report ({result.device}, torch {result.release}) is of another version of this file"
            remedy = "Verify the sources at hand on that machine again, or leave its report out of REPORTS."
            yield Problem(result.path, 1, message, remedy)
        elif result.error and result.status != "skipped":
            message = f"{result.status} on {result.device}: {result.error.type}: {result.error.message}"
            pages = ", ".join(result.embedded_in) or "no page"
            yield Problem(result.path, result.error.line or 1, message, f"Mend the snippet; it stands on {pages}.")
