"""Verifies the snippets that changed, in a verifier that stays: importing torch takes longer than most snippets."""

from __future__ import annotations

from pathlib import Path

from scripts import verdicts
from scripts.problems import Problem, stop_on
from scripts.report import Report
from scripts.sources.catalog import Catalog
from scripts.verify import Options, Session, VerifierProblem


class Verifier:
    """The first call verifies everything as a build does; later ones what is no longer what was verified."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._session = Session(root, Options(warm=True))
        self._report: Report | None = None

    def close(self) -> None:
        """End the process that holds torch."""
        self._session.__exit__()

    def __call__(self, catalog: Catalog) -> Report:
        """The report over every snippet of the catalogue.

        Raises:
            BuildError: when a snippet did not pass.
        """
        try:
            self._report = self._now(catalog)
        except VerifierProblem as problem:
            stop_on([Problem("snippets", 1, str(problem), "Mend that, and save the file again.")])
        assert self._report is not None
        stop_on(verdicts.problems(self._report, catalog.snippets))
        return self._report

    def _now(self, catalog: Catalog) -> Report:
        if self._report is None:
            return self._session.report(catalog.embedded_in())
        proved = {result.path: result.sha256 for result in self._report.results if result.status == "passed"}
        here = {snippet.path: snippet.sha256 for snippet in catalog.snippets}
        if here == proved:
            return self._report
        changed = [str(self.root / path) for path, sha256 in here.items() if sha256 != proved.get(path)]
        return self._session.rerun(changed)
