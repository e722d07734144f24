"""Pages and entries: one Markdown file in each language, and what the two hold together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scripts.sources.marks import Mark
from scripts.sources.marks import marks as found_in
from scripts.sources.snippets import Snippet

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, eq=False)
class Page:
    """One Markdown file: ``path`` relative to the repository, ``name`` relative to its edition's folder.

    The same object while its text is the same, so what is derived from a page alone can be kept by page.
    """

    path: str
    name: str
    lang: str
    text: str
    meta: dict[str, Any]
    body: str
    body_line: int

    @cached_property
    def marks(self) -> list[Mark]:
        """Every mark of the body, in reading order."""
        return found_in(self.body, self.body_line)

    def of(self, kind: str) -> list[Mark]:
        """The marks of one kind."""
        return self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> dict[str, list[Mark]]:
        found: dict[str, list[Mark]] = {}
        for mark in self.marks:
            found.setdefault(mark.kind, []).append(mark)
        return found

    def numbers_of(self, figure: str) -> str | None:
        """The file with a figure's numbers, by its name; none where the page shows that file as a table of its own."""
        name = f"{figure.rpartition('.')[0]}.csv"
        return None if any(mark.scheme == "table" and mark.target == name for mark in self.of("embed")) else name


@dataclass(frozen=True, eq=False)
class Entry:
    """One page in all its languages; a technique, or an index page (of a section, or of the site).

    ``snippets`` are those of its room, in the order in which the page shows them; ``asked`` are the phrases by which
    people search who do not know the name, by language.
    """

    section: str
    id: str
    pages: dict[str, Page]
    snippets: tuple[Snippet, ...]
    asked: dict[str, tuple[str, ...]]

    @property
    def is_technique(self) -> bool:
        """False for a section's index and for pages that belong to no section."""
        return bool(self.section) and self.id != "index"

    @property
    def en(self) -> Page:
        """The English page, which bears the language-neutral facts."""
        return self.pages["en"]

    @property
    def test(self) -> str:
        """Path of the entry's test file, there or not."""
        return f"tests/snippets/{self.section}/test_{self.id.replace('-', '_')}.py"

    def facts(self, key: str) -> list[str]:
        """A list from the English front matter."""
        return self.en.meta.get(key) or []

    def title(self, lang: str) -> str:
        """The page's title."""
        return str(self.pages[lang].meta["title"])

    @property
    def former(self) -> list[str]:
        """Names of the pages that this entry once had, as ``section/id``."""
        return [old if "/" in old else f"{self.section}/{old}" for old in self.facts("formerly")]

    def snippet(self, target: str) -> Snippet | None:
        """The snippet that a page of this entry includes: ``use.py``, or ``use.py#a,b`` with two parts highlighted."""
        return next((snippet for snippet in self.snippets if snippet.file == target.partition("#")[0]), None)
