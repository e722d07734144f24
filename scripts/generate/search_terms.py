"""The words of a text as the search sees them: cut by the very script that cuts queries in the reader's browser."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import quickjs

from scripts.memory import remembered
from scripts.problems import ROOT

WORDS = ROOT / "docs" / "theme" / "assets" / "search" / "words.js"
# Han characters that bind words: a pair with one of them says nothing ("的损", "失在").
HAN_RUN = re.compile("[\u4e00-\u9fff]{2,}")
BINDING = frozenset(
    "的了是在和与也都就会要把被对为从到而且只不没这那其它该每各个种等之以及或则时后前中上下可能并由于所用即让使再已又还若如果"
)
COMMON = frozenset(
    re.findall(
        r"\w+",
        "about after again all already also although always an and another any are as at be because before "
        "being both but by can could do does done each else ever every few first for from give given has have "
        "hence here how if in instead into is it its itself just last less many may more most much must never "
        "no none nor not now of off on once one only or other our out over own same see set should since so "
        "some still such take than that the their them then there these they this those three through to too "
        "two under up upon use used uses using very was way we well were what when where which while who why "
        "will with within without yet you your ",
    )
)


@cache
def _script() -> quickjs.Context:
    context = quickjs.Context()
    context.eval(WORDS.read_text(encoding="utf-8"))
    context.eval("var cut = (text) => JSON.stringify([GuideWords.sayings(text).terms, [...GuideWords.FILLERS]])")
    return context


@remembered
def _cut(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    terms, fillers = json.loads(_script().eval(f"cut({json.dumps(text)})"))
    return tuple(terms), frozenset(fillers)


def terms(text: str) -> tuple[str, ...]:
    """The words of a text, each once, as the search compares them; of Chinese, pairs of characters."""
    return _cut(text)[0]


def is_han(term: str) -> bool:
    """Whether a term is Chinese: whole or by its first character."""
    return "\u4e00" <= term[0] <= "\u9fff"


class Pairs:
    """Which pairs of Han characters are words: those that the guide says often."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._said: Counter[str] = Counter()
        for text in texts:
            self._said.update(_pairs(text))

    def said(self, term: str, times: int) -> bool:
        """Whether a term is no pair, or one that the guide says this often."""
        return len(term) < 2 or not is_han(term) or self._said[term] >= times


@remembered
def _pairs(text: str) -> Mapping[str, int]:
    """How often a text has each pair of Han characters, those that overlap, too."""
    return Counter(run[i : i + 2] for run in HAN_RUN.findall(text) for i in range(len(run) - 1))


def _binds(term: str) -> bool:
    return len(term) > 1 and is_han(term) and not BINDING.isdisjoint(term)


def prose(text: str, pairs: Pairs) -> Iterator[str]:
    """What is worth finding in prose, each once: no common words, no numbers, no pairs that are no word.

    A hundred words are cut at a time, as far as somebody asks: of a page the first few say enough.
    """
    words = text.split(" ")
    told: set[str] = set()
    for start in range(0, len(words), 100):
        for term in terms(" ".join(words[start : start + 100])):
            said = term in told or term in COMMON or term.isdigit()
            if not said and pairs.said(term, 10) and not _binds(term):
                told.add(term)
                yield term


def phrase(text: str, pairs: Pairs) -> list[str]:
    """What a phrase says: no fillers where it has other words; of Chinese, words, and what no word covers."""
    every, fillers = _cut(text)
    said = [term for term in every if term not in fillers] or list(every)
    kept: list[str] = []
    covered = False
    for term in said:
        word = pairs.said(term, 2)
        if word or not (covered or _binds(term)):
            kept.append(term)
        covered = is_han(term) and (word or not covered)
    return kept or said
