"""The pitfalls of a page: the items of its list below ``## Pitfalls``, each a place that search and links lead to."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.memory import remembered
from scripts.problems import Problem
from scripts.sources import marks
from scripts.sources.pages import Entry, Page

SECTION = "pitfalls"
ITEM = re.compile(r"^[-*+] +", re.MULTILINE)
END = re.compile(r"\n\n(?=[^ \n])")  # a paragraph that is no part of the item
LEAD = re.compile(r"(?:(?<!\\)\*\*|\[\*\*)(?P<bold>.+?)\*\*", re.DOTALL)
SENTENCE = re.compile(r".+?(?:[.!?:](?= |$)|[。！？：])", re.DOTALL)
# What reads like an error: its class and more, or a sentence in which something is refused or missing.
ERROR = re.compile(
    r"[A-Z]\w*(?:Error|Warning|Exception)\b: \S"
    r"|^(?=(?:\S+ ){2})(?=.*[a-z]{3})[^=\n]*\b(?:must|not support|requires?|missing|expect(?:s|ed)|cannot|invalid"
    r"|[Dd]etected|appear in|needs? an?|is called)\b"
)
QUOTED = re.compile(r'`(?P<code>[^`\n]+)`|"(?P<straight>[^"]+)"|“(?P<curly>[^”]+)”')


@dataclass(frozen=True)
class Pitfall:
    """One pitfall of one edition.

    Args:
        lead: what the reader sees, as plain text; the item's bold beginning, else its first sentence.
        words: the rest of it as plain text, code included, formulas and citations left out.
        errors: texts of errors that stand in it.
        anchor: its place on the page, the same in both editions; made from the English lead.
        line: its line in the file.
        start: where the item begins in the page's body.
        end: where its text begins, behind the sign of the list.
    """

    lead: str
    words: str
    errors: tuple[str, ...]
    anchor: str
    line: int
    start: int
    end: int


def of(entry: Entry, lang: str) -> list[Pitfall]:
    """The pitfalls of an entry's page in one language; in Chinese with the anchors of the English ones, by order."""
    anchors = [anchor(pitfall.lead) for pitfall in _found(entry.en)]
    return [
        Pitfall(**{**vars(pitfall), "anchor": name})
        for pitfall, name in zip(_found(entry.pages[lang]), anchors, strict=False)
    ]


def anchor(lead: str) -> str:
    """The place on the page of a pitfall whose English lead this is."""
    plain = unicodedata.normalize("NFKD", lead).encode("ascii", "ignore").decode()
    return f"pitfall-{marks.slug(plain).strip('-')}"


def check(entries: Iterable[Entry]) -> Iterator[Problem]:
    """Both editions have the same pitfalls in number, and no page has two of one name."""
    for entry in entries:
        english, chinese = _found(entry.en), _found(entry.pages["zh"])
        if len(english) != len(chinese):
            path, line = entry.pages["zh"].path, (chinese[-1].line if chinese else entry.pages["zh"].body_line)
            message = f"{len(chinese)} pitfalls here, {len(english)} in {entry.en.path}"
            yield Problem(path, line, message, "Both editions list the same pitfalls in the same order.")
        counted = Counter(anchor(pitfall.lead) for pitfall in english)
        for pitfall in english:
            name = anchor(pitfall.lead)
            if counted[name] > 1:
                remedy = "Begin each with words of its own: they are its address."
                yield Problem(entry.en.path, pitfall.line, f"two pitfalls of this page would be #{name}", remedy)
            if name == "pitfall-":
                remedy = "Begin it with what the reader sees, in letters, in bold."
                yield Problem(entry.en.path, pitfall.line, "this pitfall has no words to be found by", remedy)


@remembered
def plain(text: str) -> str:
    """Markdown without its signs, formulas and citations; code keeps its words."""
    kept = marks.replace(text, marks.marks(text), lambda mark: mark.text if mark.kind in ("claim", "link") else "")
    kept = re.sub(r"(?<!!)\[([^\[\]]*)\]\([^()\s]*\)", r"\1", kept)  # a link that leaves the guide
    return " ".join(re.sub(r"\*\*|(?<!\w)\*(?=\w)|(?<=[\w.])\*(?!\w)|`+", "", kept).split())


def _found(page: Page) -> list[Pitfall]:
    """The items in order, without anchors."""
    return _items(page.body, page.body_line)


@remembered
def _items(body: str, first_line: int) -> list[Pitfall]:
    headings = [mark for mark in marks.marks(body, first_line) if mark.kind == "heading"]
    place = next((n for n, mark in enumerate(headings) if mark.target == SECTION), None)
    if place is None:
        return []
    start = headings[place].end
    end = headings[place + 1].start if place + 1 < len(headings) else len(body)
    masked = marks.mask(body)
    items = list(ITEM.finditer(masked, start, end))
    ends = [item.start() for item in items[1:]] + [end]
    found = []
    for item, stop in zip(items, ends, strict=True):
        over = END.search(masked, item.end(), stop)
        text = body[item.end() : over.start() if over else stop].strip()
        line = first_line + body.count("\n", 0, item.start())
        found.append(Pitfall(*_parts(text), "", line, item.start(), item.end()))
    return found


def _parts(text: str) -> tuple[str, str, tuple[str, ...]]:
    """Lead, rest and error texts of an item."""
    bold = LEAD.match(text)
    whole = plain(text)
    sentence = SENTENCE.match(whole)
    lead = plain(bold["bold"]) if bold else sentence[0] if sentence else whole
    quoted = [next(filter(None, match.groups())) for match in QUOTED.finditer(text)]
    errors = tuple(dict.fromkeys(part for part in quoted if ERROR.search(part)))
    return lead, whole.removeprefix(lead).strip(), errors
