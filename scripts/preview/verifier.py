"""Verifies the snippets that changed, in a verifier that stays: importing torch takes longer than most snippets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filelock import FileLock

from scripts import build, report
from scripts.problems import stop_on
from scripts.report import Report
from scripts.sources.catalog import Catalog
from scripts.verify import discover, environment, guards, run
from scripts.verify.cache import Cache
from scripts.verify.cli import cores
from scripts.verify.engine import Engine


class Verifier:
    """The first call verifies everything as a build does; later ones what is no longer what was verified."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._report: Report | None = None
        self._engine: Engine | None = None

    def close(self) -> None:
        """End the process that holds torch."""
        if self._engine:
            self._engine.__exit__()
            self._engine = None

    def __call__(self, catalog: Catalog) -> Report:
        """The report over every snippet of the catalogue.

        Raises:
            BuildError: when a snippet did not pass.
        """
        if self._report is None:
            self._report = build.verify(catalog, [], "cpu")
            self._warm()
            return self._report
        proved = {result.path: result.sha256 for result in self._report.results}
        changed = [s for s in catalog.snippets if s.sha256 != proved.get(s.path)]
        here = {snippet.path for snippet in catalog.snippets}
        if not changed and len(here) == len(proved):
            return self._report
        again = {snippet.path for snippet in changed}
        data = self._report.to_json()
        kept = [result for result in data["results"] if result["path"] in here - again]
        ran = self._run([discover.Snippet(s.path, self.root / s.path, s.data) for s in changed])
        results = sorted([*kept, *ran], key=lambda result: str(result["path"]))
        now = Report.from_json({**data, "results": results})
        stop_on(report.problems(now, catalog.snippets))
        self._report = now
        return now

    def _warm(self) -> None:
        snippets = discover.discover([str(self.root / "snippets")])
        folder = self.root / "build" / "cache" / "verify" / "home"
        self._engine = Engine(cores(), folder)
        self._engine.__enter__().preload(discover.preload(snippets))  # it imports while pages are shown

    def _run(self, snippets: list[discover.Snippet]) -> list[dict[str, Any]]:
        folder = self.root / "build" / "cache" / "verify"
        options = run.Options(self.root / "build", guards.available(kernel=True), jobs=cores())
        device = {"cpu": environment.device_names(folder / "devices.json")["cpu"]}
        with FileLock(folder / "lock"):
            return run.results(snippets, device, options, Cache(folder), {}, lambda result: None, self._engine)
