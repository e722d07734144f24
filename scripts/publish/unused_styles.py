"""Drops from a stylesheet what no page of the site can need.

A selector goes only when a class, id or attribute value that it asks for stands in no page and in no script, nor begins
with a word that a script completes (``curve-${number}``); a custom property when nothing refers to it. What stands
within ``:not()``, ``:is()``, ``:has()`` and the like is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.memory import remembered

ATTRIBUTE = re.compile(r"""\s(?:class|id|dir|lang|role|type|rel|data-[\w-]+)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")
WORD = re.compile(r"[\w-]+")
BEGUN = re.compile(r"([a-z][\w-]*-)\$\{")
TOKEN = re.compile(r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^)'"]*\)|\\.|[^"'/\\u]+|.""", re.DOTALL)
NESTING = ("@media", "@supports", "@layer", "@container")
ASKED = re.compile(r"""[.#]((?:\\.|[\w-])+)|\[(dir|data-[\w-]+)[~|^$*]?=["']?([^"'\]]*)["']?\]""")
PROPERTY = re.compile(r"(--[\w-]+)\s*:")
REFERENCE = re.compile(r"var\(\s*(--[\w-]+)")


@dataclass(frozen=True)
class Words:
    """What selectors may ask for: the words in the attributes of all pages, and those with all words of scripts."""

    marked: frozenset[str]
    known: frozenset[str]
    begun: tuple[str, ...]  # how words begin that scripts complete

    def knows(self, name: str) -> bool:
        """Whether an element may bear this class or id."""
        return name in self.known or (bool(self.begun) and name.startswith(self.begun))


@dataclass(frozen=True)
class PageWords:
    """What one page contributes: words of its attributes, of its scripts, and the characters that it holds."""

    marked: frozenset[str]
    spoken: frozenset[str]
    letters: str


@remembered
def page_words(data: bytes) -> PageWords:
    """The words of one page."""
    page = data.decode("utf-8")
    spoken = set(REFERENCE.findall(page))  # figures name their colours in style attributes
    marked: set[str] = set()
    for match in ATTRIBUTE.finditer(page):
        marked.update((match[1] or match[2] or match[3] or "").split())
    for script in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL):
        spoken.update(WORD.findall(script))
    return PageWords(frozenset(marked), frozenset(spoken), "".join(sorted(set(page))))


def words_of(pages: Iterable[PageWords], scripts: Iterable[str]) -> Words:
    """The words of all pages and scripts."""
    marked: set[str] = set()
    spoken: set[str] = set()
    begun: set[str] = set()
    for page in pages:
        marked |= page.marked
        spoken |= page.spoken
    for script in scripts:
        spoken.update(WORD.findall(script))
        begun.update(BEGUN.findall(script))
    return Words(frozenset(marked), frozenset(marked | spoken), tuple(begun))


def drop(css: str, words: Words) -> str:
    """The stylesheet without its dead rules and properties."""
    kept = "".join(_rules(css, words))
    for _ in range(3):  # a property may be named only by another that goes
        used = set(REFERENCE.findall(kept)) | {word for word in words.known if word.startswith("--")}
        kept = "".join(_without_properties(kept, used))
    return kept


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """Each prelude with its block, or with nothing when it ends in a semicolon; comments are left out."""
    prelude: list[str] = []
    body: list[str] = []
    depth = 0
    for token in TOKEN.findall(css):
        if token.startswith("/*"):
            continue
        marks = token if token[0] not in "\"'\\" and not token.startswith("url(") else ""
        pieces = re.split(r"([{};])", token) if marks else [token]
        for piece in pieces:
            if piece == "}" and depth == 1:
                yield "".join(prelude).strip(), "".join(body)
                prelude, body, depth = [], [], 0
            elif piece == "{" and depth == 0:
                depth = 1
            elif piece == ";" and depth == 0:
                yield "".join(prelude).strip(), ""
                prelude = []
            elif depth:
                depth += (piece == "{") - (piece == "}")
                body.append(piece)
            else:
                prelude.append(piece)


def _rules(css: str, words: Words) -> Iterator[str]:
    for prelude, body in _blocks(css):
        if prelude.startswith(NESTING):
            inner = "".join(_rules(body, words))
            if inner or not body:
                yield f"{prelude}{{{inner}}}" if body else f"{prelude};"
        elif prelude.startswith("@"):
            yield f"{prelude}{{{body}}}" if body else f"{prelude};"
        else:
            selectors = [one for one in _split(prelude) if _possible(one, words)]
            if selectors and body.strip():
                yield f"{','.join(selectors)}{{{body.strip()}}}\n"


def _split(text: str, at: str = ",") -> list[str]:
    """Split at the top level, outside of brackets and strings."""
    parts, depth = [""], 0
    for token in re.findall(r"""\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|.""", text, re.DOTALL):
        depth += (token in "([") - (token in ")]")
        if token == at and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]


def _possible(selector: str, words: Words) -> bool:
    """Whether an element that the selector means may be on a page."""
    plain, before = selector, ""
    while plain != before:  # innermost first
        plain, before = re.sub(r":[\w-]+\([^()]*\)", "", plain), plain
    for name, attribute, value in ASKED.findall(plain):
        if name and not words.knows(name.replace("\\", "")):
            return False
        if attribute == "dir" and value not in words.marked:
            return False
        if attribute and attribute != "dir" and not set(WORD.findall(value)) <= words.known:
            return False
    return True


def _without_properties(css: str, used: set[str]) -> Iterator[str]:
    for prelude, body in _blocks(css):
        if not body:
            yield f"{prelude};"
        elif prelude.startswith(NESTING):
            yield f"{prelude}{{{''.join(_without_properties(body, used))}}}"
        elif "--" not in body or prelude.startswith("@"):
            yield f"{prelude}{{{body}}}\n"
        else:
            kept = [one for one in _split(body, ";") if not (found := PROPERTY.match(one)) or found[1] in used]
            if text := ";".join(filter(None, kept)):
                yield f"{prelude}{{{text}}}\n"
