"""The live preview: what changed is verified by a warm verifier, and pages are rendered when they are asked for.

A preview, not a proof: claims show their last results, and nothing is published.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

from scripts import claims, generate
from scripts.generate import pages, unsaid
from scripts.preview.renderer import Renderer
from scripts.preview.verifier import Verifier
from scripts.problems import BuildError, stop_on
from scripts.sources import checks
from scripts.sources.catalog import load
from scripts.sources.pages import LANGUAGES, Entry
from scripts.stage import Stage

THEME = ("docs/theme/", "mkdocs.yml", "mkdocs.zh.yml")  # what every page depends on


class Preview:
    """The stage as it was when the sources last held together, and the pages rendered from it since.

    ``number`` grows with every change that is shown.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stage = Stage(root)
        self.folder = self.stage.preview
        shutil.rmtree(self.folder, ignore_errors=True)  # of a session that knew other sources
        self.folder.mkdir(parents=True)
        self.number = 0
        self.changed = threading.Condition()
        self._verified = Verifier(root)
        self._lock = threading.Lock()  # held while the stage is written, and while a page is rendered from it
        self._fresh: set[Path] = set()
        self._renderers = {
            lang: Renderer(root, lang, self.folder if lang == "en" else self.folder / lang) for lang in LANGUAGES
        }

    def close(self) -> None:
        """End the processes that were kept warm."""
        self._verified.close()
        for renderer in self._renderers.values():
            renderer.close()

    def update(self, changed: Collection[str] = ()) -> bool:
        """Take in what changed; say what is wrong, and keep the preview of before, otherwise.

        Args:
            changed: the files that did, relative to the root; none at the start.
        """
        start = time.perf_counter()
        theme = any(name.startswith(THEME) for name in changed)
        try:
            catalog = load(self.root)
            stop_on(checks.inspect(catalog))
            verification = self._verified(catalog)
            site = generate.Site(catalog, verification, claims.last(catalog), "")
            stop_on([*pages.missing_artifacts(site), *unsaid.problems(site)])
        except BuildError as error:
            print(f"\n{error}\n", file=sys.stderr, flush=True)
            return False
        edited = [entry for entry in catalog.entries if not _sources(entry).isdisjoint(changed)]
        if edited and not theme:  # shown at once, before tables and other pages that may speak of them
            own = {k: v for entry in edited for k, v in generate.entry_files(site, entry)}
            self._take(own, whole=False, theme=False)
            print(f"Preview updated in {time.perf_counter() - start:.1f} s", flush=True)
        self._take(dict(generate.files(site)), whole=True, theme=theme)
        print(f"Preview complete in {time.perf_counter() - start:.1f} s", flush=True)
        return True

    def _take(self, files: dict[str, str], whole: bool, theme: bool) -> None:
        """Write files of the stage; tell open pages if that concerns any page that was rendered."""
        with self._lock:
            shown = len(self._fresh)
            self._forget(self.stage.write(files, whole), theme)
            if shown == len(self._fresh) and self.number:
                return
        with self.changed:
            self.number += 1
            self.changed.notify_all()

    def _forget(self, written: list[str], theme: bool) -> None:
        """Drop the pages that what was written concerns: the page itself, the reference of a snippet, or all."""
        for lang in LANGUAGES:
            if theme or Stage.config_name(lang) in written:
                self._renderers[lang].forget()
                self._fresh = {path for path in self._fresh if self._split(path)[0] != lang}
        snippets = any(name.startswith(Stage.file_name("snippets/")) for name in written)
        for path in list(self._fresh):
            lang, name = self._split(path)
            if Stage.page_name(lang, name) in written or (snippets and name.startswith("reference/")):
                self._fresh.discard(path)

    def _split(self, path: Path) -> tuple[str, str]:
        """Edition and Markdown name of a page of the preview."""
        name = path.relative_to(self.folder).with_suffix(".md").as_posix()
        return ("zh", name.removeprefix("zh/")) if name.startswith("zh/") else ("en", name)

    def page(self, path: Path) -> None:
        """Bring one page of the preview up to date, if there is such a page; on an error the last one stays.

        Args:
            path: where it lies, or shall lie, below ``folder``.
        """
        lang, name = self._split(path)
        with self._lock:
            if path in self._fresh or not self.stage.page(lang, name).is_file():
                return
            try:
                self._renderers[lang].render(name)
            except BuildError as error:
                print(f"\n{error}\n", file=sys.stderr, flush=True)
            self._fresh.add(path)  # after an error too: it would fail again until something changes

    def file(self, path: Path) -> Path | None:
        """Where a file that stands beside the pages lies: snippets, notebooks, data, pages as Markdown."""
        name = path.relative_to(self.folder).as_posix()
        stage = self.stage
        places = (path, stage.files / name, stage.markdown("en") / name, stage.markdown("zh") / name[3:])
        return next((place for place in places if place.is_file()), None)


def _sources(entry: Entry) -> set[str]:
    """The files that are an entry's own."""
    return {*(snippet.path for snippet in entry.snippets), entry.test, *(page.path for page in entry.pages.values())}
