"""What the pages are made from: the sources, the two reports, and the site's public address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.claims import FileResult
from scripts.report import Report
from scripts.sources.catalog import Catalog
from scripts.sources.pages import Entry


@dataclass(frozen=True)
class Site:
    """Everything that ``generate`` is handed.

    Args:
        catalog: the sources.
        report: what the verifier saw.
        claims: what became of each test file of claims, by its path.
        address: where the site is published, or empty where nobody knows.
    """

    catalog: Catalog
    report: Report
    claims: Mapping[str, FileResult]
    address: str = ""

    def artifacts(self, entry: Entry) -> dict[str, str]:
        """Name of each file that the entry's snippets left behind -> its path."""
        found: dict[str, str] = {}
        for snippet in entry.snippets:
            result = self.report.first(snippet.path)
            for path in result.artifacts if result else ():
                found[path.rpartition("/")[2]] = path
        return found
