"""docs/zh/terms.yaml: the Chinese word chosen for each thing, and the words that nothing says in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.memory import remembered
from scripts.problems import Problem
from scripts.sources import records, typography
from scripts.sources.pages import Page

FILE = "docs/zh/terms.yaml"
ENGLISH = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Term:
    """One thing and its word.

    Args:
        en: what it is called in English.
        zh: the word that the Chinese edition uses.
        wrong: words that stand nowhere in its place.
        but: phrases in which such a word may stand.
        gloss: the English that the first line of a page with the word also says; empty for none.
        line: where it begins in the file.
    """

    en: str
    zh: str
    wrong: tuple[str, ...]
    but: tuple[str, ...]
    gloss: str
    line: int


def load(root: Path) -> list[Term]:
    """The terms in order; none where there is no file.

    Raises:
        BuildError: for a record that lacks its words.
    """
    found = records.load(root, FILE, ("en", "zh"), ("not",), ("but",))
    text = records.source(root, FILE)
    lines = [number for number, row in enumerate(text.splitlines(), 1) if row.startswith("-")]
    return [
        Term(row["en"], row["zh"], tuple(row["not"]), tuple(row.get("but", ())), str(row.get("gloss", "")), line)
        for row, line in zip(found, lines, strict=True)
    ]


def data(root: Path) -> dict[str, str]:
    """Name -> text of the data files whose Chinese readers see; what readers type stands in docs/search/."""
    names = ["docs/zh/labels.yaml", *(f"docs/{path.name}" for path in sorted((root / "docs").glob("*.yaml")))]
    return {name: records.source(root, name) for name in names}


def check(terms: list[Term], pages: list[Page], data: dict[str, str]) -> Iterator[Problem]:
    """Every word that stands in another's place, every page that does not gloss a word, every term that none says.

    Args:
        terms: what :func:`load` gives.
        pages: those of the Chinese edition.
        data: name -> text of data files with Chinese in them.
    """
    texts = {page.path: typography.prose(page) for page in pages}
    texts |= {name: ENGLISH.sub(_blank, text) for name, text in data.items()}
    for path, text in texts.items():
        yield from _wrong(tuple(terms), path, text)
    for page in pages:
        yield from _unexplained(terms, page)
    for term in terms:
        if not any(term.zh in text for text in texts.values()):
            remedy = "Take the term out, or write the word that the pages use."
            yield Problem(FILE, term.line, f"nothing says '{term.zh}' ({term.en})", remedy)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\x00", match.group())


@remembered
def _wrong(terms: tuple[Term, ...], path: str, text: str) -> list[Problem]:
    if allowed := [re.escape(phrase) for term in terms for phrase in term.but]:
        text = re.sub("|".join(allowed), _blank, text)
    instead = {word: term for term in terms for word in term.wrong}
    problems = []
    for match in _any_of(tuple(instead)).finditer(text) if instead else ():
        term = instead[match.group()]
        line = text.count("\n", 0, match.start()) + 1
        remedy = f"Write '{term.zh}', or, where it means something else, add the phrase to 'but' in {FILE}:{term.line}."
        problems.append(Problem(path, line, f"'{match.group()}' for {term.en}", remedy))
    return problems


@cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern of the words, the longest first; that it looks at the first character alone makes it fast."""
    first = re.escape("".join(sorted({word[0] for word in words})))
    return re.compile(f"(?=[{first}])(?:{'|'.join(map(_whole, sorted(words, key=len, reverse=True)))})")


def _whole(word: str) -> str:
    """A pattern of the word; a Latin one is no part of another."""
    return rf"(?<![A-Za-z]){word}(?![A-Za-z])" if word.isascii() else re.escape(word)


def _unexplained(terms: list[Term], page: Page) -> Iterator[Problem]:
    for term in terms:
        if term.gloss and term.zh in page.body:
            place = page.body.index(term.zh)
            number = page.body.count("\n", 0, place)
            if term.gloss not in page.body.split("\n")[number].replace("_", "-"):
                message = f"'{term.zh}' without its English where the page says it first"
                remedy = f"Write '{term.zh}（{term.gloss}，…）', with what it means."
                yield Problem(page.path, page.body_line + number, message, remedy)
