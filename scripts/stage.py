"""The one place that knows paths below ``build/``.

::

    build/stage/LANG/docs/         pages as the site generator reads them, and mkdocs.yml beside
    build/stage/LANG/markdown/     the same pages as plain Markdown, for readers
    build/stage/files/             what stands beside the pages
    build/rendered/LANG/           what the generator made of them
    build/out/                     both editions together, until they are published
    build/copies/NAME/             a copy of the sources that is verified with other rounding or other seeds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """Where everything lies that the build of the checkout ``root`` makes."""

    root: Path

    @property
    def build(self) -> Path:
        """Everything that a build makes lies below."""
        return self.root / "build"

    @property
    def lock(self) -> Path:
        """Held by whoever builds in this checkout."""
        return self.build / "build.lock"

    @property
    def stamp(self) -> Path:
        """What the published site was made from."""
        return self.build / "published.json"

    @property
    def verification(self) -> Path:
        """The verifier's report."""
        return self.build / "verification.json"

    @property
    def embedded_in(self) -> Path:
        """Which page shows which snippet, for the verifier's messages."""
        return self.build / "embedded_in.json"

    @property
    def claims(self) -> Path:
        """What became of the claims' tests."""
        return self.build / "claims.json"

    def copy(self, name: str) -> Path:
        """A copy of the sources, with a ``build/`` of its own."""
        return self.build / "copies" / name

    @property
    def folder(self) -> Path:
        """Root of the stage."""
        return self.build / "stage"

    def edition(self, lang: str) -> Path:
        """One edition's part of the stage, with the configuration."""
        return self.folder / lang

    def docs(self, lang: str) -> Path:
        """One edition's pages."""
        return self.edition(lang) / "docs"

    def page(self, lang: str, name: str) -> Path:
        """A page, by its name in its edition."""
        return self.docs(lang) / name

    def markdown(self, lang: str) -> Path:
        """One edition's pages as plain Markdown."""
        return self.edition(lang) / "markdown"

    def config(self, lang: str) -> Path:
        """The site generator's configuration of one edition."""
        return self.edition(lang) / "mkdocs.yml"

    @property
    def files(self) -> Path:
        """What stands beside the pages."""
        return self.folder / "files"

    def rendered(self, lang: str) -> Path:
        """What the site generator made of one edition."""
        return self.build / "rendered" / lang

    def kept(self, lang: str) -> Path:
        """What the rendered pages of one edition were made from."""
        return self.build / "rendered" / f"{lang}.json"

    @property
    def render_log(self) -> Path:
        """The site generator's whole output."""
        return self.build / "render.log"

    @property
    def out(self) -> Path:
        """The site that will be published."""
        return self.build / "out"

    @property
    def remembered(self) -> Path:
        """What pure functions made of the texts of the last build."""
        return self.build / "cache" / "remembered"

    @property
    def compressed(self) -> Path:
        """The gzip copies of the last build."""
        return self.build / "cache" / "gzip"

    @property
    def preview(self) -> Path:
        """What the live preview shows."""
        return self.build / "preview"

    @property
    def canary(self) -> Path:
        """Sites of the generators that may follow."""
        return self.build / "canary"

    @property
    def verifier(self) -> Path:
        """What the verifier keeps."""
        return self.build / "cache" / "verify"

    @staticmethod
    def config_name(lang: str) -> str:
        """The configuration, relative to the stage."""
        return f"{lang}/mkdocs.yml"

    @staticmethod
    def page_name(lang: str, name: str) -> str:
        """A page, relative to the stage."""
        return f"{lang}/docs/{name}"

    @staticmethod
    def markdown_name(lang: str, name: str) -> str:
        """A page as plain Markdown, relative to the stage."""
        return f"{lang}/markdown/{name}"

    @staticmethod
    def file_name(name: str) -> str:
        """A file beside the pages, relative to the stage."""
        return f"files/{name}"

    def write(self, wanted: Mapping[str, str], whole: bool) -> list[str]:
        """Write files of the stage whose text changed; where these are the whole stage, remove all others.

        Returns:
            Those that were written.
        """
        written = [name for name, text in wanted.items() if _write(self.folder / name, text)]
        if whole:
            for path in self.folder.rglob("*"):
                if path.is_file() and path.relative_to(self.folder).as_posix() not in wanted:
                    path.unlink()
        return written


def _write(path: Path, text: str) -> bool:
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True
