"""Verifies the snippets that changed, in a verifier that stays: importing torch takes longer than most snippets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from filelock import FileLock

from scripts import build
from scripts.catalog import Catalog
from scripts.generate import report
from scripts.problems import stop_on
from scripts.verify import discover, environment, guards, run
from scripts.verify.cache import Cache
from scripts.verify.cli import cores
from scripts.verify.engine import Engine


class Verifier:
    """The first call verifies everything as a build does; later ones what is no longer what was verified."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._report: dict[str, Any] = {}
        self._engine: Engine | None = None

    def close(self) -> None:
        """End the process that holds torch."""
        if self._engine:
            self._engine.__exit__()
            self._engine = None

    def __call__(self, catalog: Catalog) -> dict[str, Any]:
        """The report over every snippet of the catalogue.

        Raises:
            BuildError: when a snippet did not pass.
        """
        if not self._report:
            self._report = build.verify(self.root, catalog, [], "cpu")
            self._warm()
            return self._report
        proved = {result["path"]: result["sha256"] for result in self._report["results"]}
        changed = [
            discover.Snippet(path, self.root / path, content)
            for path in catalog.snippets
            if hashlib.sha256(content := (self.root / path).read_bytes()).hexdigest() != proved.get(path)
        ]
        here = set(catalog.snippets)
        if not changed and len(here) == len(proved):
            return self._report
        again = {snippet.path for snippet in changed}
        kept = [result for result in self._report["results"] if result["path"] in here - again]
        results = sorted([*kept, *self._run(changed)], key=lambda result: str(result["path"]))
        now = {**self._report, "results": results}
        stop_on(report.problems(now, self.root, catalog.snippets))
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
