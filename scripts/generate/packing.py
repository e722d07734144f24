"""How the search index says much in few bytes: one vocabulary, and in which text each of its words stands.

Every text is a set of words. The vocabulary is in alphabetical order; for each of its words stand the numbers of the
texts that have it, each as the distance from the one before. A phrase is a set of words of its own page, each named by
its place among them. ``unpack.js`` reads all that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Signs that JSON leaves alone, without the space: those that end a number, and those that add to the next.
SIGNS = "".join(chr(code) for code in range(35, 127) if chr(code) != "\\")
ENDS = 72


@dataclass(frozen=True)
class Packed:
    """Texts as sets of words: the vocabulary, and for each word in which texts it stands."""

    vocabulary: str
    where: str


def pack(texts: Sequence[frozenset[str]]) -> Packed:
    """Sets of words, in their order."""
    places: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        for word in text:
            places.setdefault(word, []).append(number)
    words = sorted(places)
    return Packed(" ".join(words), " ".join(distances(places[word]) for word in words))


def distances(numbers: Sequence[int]) -> str:
    """Rising numbers, each as its distance from the one before."""
    before = [-1, *numbers]
    return "".join(number(here - last - 1) for last, here in zip(before, numbers, strict=False))


def number(value: int) -> str:
    """A number: one sign below 72, else more before it, each for as many times 72 as its place among the rest."""
    more = len(SIGNS) - ENDS
    signs = ""
    while value >= ENDS:
        times = min(value // ENDS, more)
        signs += SIGNS[ENDS + times - 1]
        value -= times * ENDS
    return signs + SIGNS[value]


def phrases(said: Sequence[frozenset[str]]) -> str:
    """The phrases of one page, each a set of words; the same set once, and in an order that compresses well."""
    place = {word: number(here) for here, word in enumerate(sorted(frozenset().union(*said)))}
    return " ".join(sorted({"".join(sorted(place[word] for word in phrase)) for phrase in said if phrase}))
