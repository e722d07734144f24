"""The sections of an entry's page: which there are, in which order, and what they are called in each language.

``make new`` writes them, the search knows them for no news, and a check holds every page to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from scripts.problems import Problem
from scripts.sources import marks
from scripts.sources.pages import Entry, Page

KINDS = ("technique", "concept", "symptom")
OF_ENTRIES = ("technique", "concept")


@dataclass(frozen=True)
class Heading:
    """A heading that pages share.

    Args:
        id: its anchor in both editions.
        titles: its words by language.
        kinds: kinds of pages that need it; others have no such section.
        optional: those kinds may leave it out.
    """

    id: str
    titles: dict[str, str]
    kinds: tuple[str, ...] = OF_ENTRIES
    optional: bool = False


OUTLINE = (
    Heading("use-it-when", {"en": "Use it when", "zh": "何时使用"}),
    Heading("think-twice-when", {"en": "Think twice when", "zh": "何时慎用"}),
    Heading("start-from-these-settings", {"en": "Start from these settings", "zh": "起步设置"}, optional=True),
    Heading("code", {"en": "Code", "zh": "代码"}),
    Heading("how-it-works", {"en": "How it works", "zh": "原理"}, ("technique",)),
    Heading("from-scratch", {"en": "From scratch", "zh": "从零实现"}, ("technique",)),
    Heading("what-is-known", {"en": "What is known", "zh": "已有的结论"}, optional=True),
    Heading("evidence", {"en": "What our experiment shows", "zh": "我们的实验说明了什么"}),
    Heading("pitfalls", {"en": "Pitfalls", "zh": "常见陷阱"}),
    Heading("what-you-see", {"en": "What you see", "zh": "现象"}, ("symptom",)),
    Heading("causes", {"en": "Causes, in the order in which to look", "zh": "原因：按排查顺序"}, ("symptom",)),
    Heading("if-none-of-these", {"en": "If none of these", "zh": "如果都不是"}, ("symptom",)),
    Heading("all-checks", {"en": "All checks of this page", "zh": "本页的全部检查"}, ("symptom",)),
)
IDS = tuple(heading.id for heading in OUTLINE)


def kind_of(entry: Entry) -> str:
    """``technique``; ``concept`` for a page about choices, with tables instead of formulas and code; ``symptom``."""
    return str(entry.en.meta.get("kind", "technique"))


def check(entry: Entry) -> Iterator[Problem]:
    """A page has the sections of its kind in their order; only a concept's page may have others between them."""
    kind = kind_of(entry)
    wanted = [heading for heading in OUTLINE if kind in heading.kinds]
    for page in entry.pages.values():
        found = [mark for mark in page.of("heading") if mark.level == 2]
        yield from _names(page, wanted, found)
        yield from _order(page, wanted, found)
        for mark in found:
            is_foreign = mark.target not in {heading.id for heading in wanted}
            if is_foreign and (kind != "concept" or mark.target in IDS):
                remedy = "Make it a part (###) of a section, or say 'kind: concept' in the English front matter."
                yield Problem(page.path, mark.line, f"a {kind}'s page has no section '{mark.text}'", remedy)


def _names(page: Page, wanted: list[Heading], found: list[marks.Mark]) -> Iterator[Problem]:
    places = {mark.target: mark for mark in found}
    for heading in wanted:
        title, mark = heading.titles[page.lang], places.get(heading.id)
        if mark is None and not heading.optional:
            remedy = f"Write it: ## {title} {{#{heading.id}}}"
            yield Problem(page.path, page.body_line, f"the section '{title}' is missing", remedy)
        elif mark is not None and mark.text != title:
            remedy = f"Call it '{title}'; a section about something else needs another anchor."
            yield Problem(page.path, mark.line, f"the heading '{mark.text}' is another on other pages", remedy)


def _order(page: Page, wanted: list[Heading], found: list[marks.Mark]) -> Iterator[Problem]:
    places = {heading.id: place for place, heading in enumerate(wanted)}
    known = [mark for mark in found if mark.target in places]
    for before, after in pairwise(known):
        if places[before.target] >= places[after.target]:
            remedy = f"The order is: {', '.join(heading.titles[page.lang] for heading in wanted)}."
            yield Problem(page.path, after.line, f"'{after.text}' stands after '{before.text}'", remedy)
