"""What front matter says of names: ids, related entries, tags, and addresses that pages once had."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from scripts.problems import Problem
from scripts.sources import frontmatter, ticks
from scripts.sources.catalog import Catalog
from scripts.sources.symptoms import TAGS

ADDRESS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)?")


def hint(wrong: str, known: Iterable[str], otherwise: str) -> str:
    """The known name that is nearest to a wrong one, as a question; else ``otherwise``."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f"Did you mean '{close[0]}'?" if close else otherwise


def check_ids(catalog: Catalog) -> Iterator[Problem]:
    """An id names one technique in the whole guide."""
    counted = Counter(entry.id for entry in catalog.techniques)
    for entry in catalog.techniques:
        if counted[entry.id] > 1:
            yield Problem(entry.en.path, 1, f"two entries have the id '{entry.id}'", "Rename one of them.")


def check_related(catalog: Catalog) -> Iterator[Problem]:
    """Related ids are techniques of the guide."""
    for entry in catalog.techniques:
        for other in entry.facts("related"):
            if other not in catalog.by_id or other == entry.id:
                line = frontmatter.line_of(entry.en.text, "related")
                remedy = hint(other, catalog.by_id, "Name an entry that exists.")
                yield Problem(entry.en.path, line, f"related: '{other}' is no other entry", remedy)


def check_tags(catalog: Catalog) -> Iterator[Problem]:
    """Tags are known, and each known tag leads to an entry."""
    known = [tag.id for tag in catalog.tags]
    for entry in catalog.techniques:
        for tag in entry.facts("tags"):
            if tag not in known:
                line = frontmatter.line_of(entry.en.text, "tags")
                yield Problem(entry.en.path, line, f"unknown tag '{tag}'", hint(tag, known, f"Add it to {TAGS}."))
    for place, own in enumerate(catalog.tags):
        if not catalog.tagged(own.id):
            message = f"no entry bears the tag '{own.id}'"
            yield Problem(TAGS, own.line, message, "Give it to those it fits, or remove it.")
        if own.id in known[:place]:
            yield Problem(TAGS, own.line, f"the tag '{own.id}' is given twice", "Remove one of the two.")


def check_fixes(catalog: Catalog) -> Iterator[Problem]:
    """What symptoms lead to are entries, or are said to be planned; what is planned is no entry yet."""
    for symptom in catalog.symptoms:
        for fix in symptom.fixes:
            if fix not in catalog.by_id:
                remedy = hint(fix, catalog.by_id, "Write that entry, or list it under 'planned'.")
                yield Problem(symptom.path, symptom.line, f"symptom '{symptom.id}': '{fix}' is no entry", remedy)
        for fix in symptom.planned:
            if fix in catalog.by_id:
                message = f"symptom '{symptom.id}': '{fix}' is planned, and is an entry"
                yield Problem(symptom.path, symptom.line, message, "Move it to 'fixes', in its place.")


def check_points(catalog: Catalog) -> Iterator[Problem]:
    """What the check list's points lead to are entries or symptoms, written or planned."""
    known = {*catalog.by_id} | {fix for symptom in catalog.symptoms for fix in symptom.planned}
    for point in (point for part in catalog.checklist for point in part.points):
        for name in point.see:
            if name not in known:
                remedy = hint(name, known, "Name an entry or a symptom.")
                yield Problem(ticks.FILE, point.line, f"the point '{point.id}': '{name}' is no entry", remedy)


def check_addresses(catalog: Catalog) -> Iterator[Problem]:
    """An address that an entry once had is no page now, and leads to one entry."""
    pages = {entry.en.name.removesuffix(".md") for entry in catalog.entries}
    claimed = Counter(old for entry in catalog.techniques for old in entry.former)
    for entry in catalog.techniques:
        line = frontmatter.line_of(entry.en.text, "formerly")
        for old in entry.former:
            if not ADDRESS.fullmatch(old) or old.startswith("reference/"):
                remedy = "Write the old id, or section/id where the section was another."
                yield Problem(entry.en.path, line, f"formerly: '{old}' is no address of an entry", remedy)
            elif old in pages:
                remedy = f"Remove docs/en/{old}.md and docs/zh/{old}.md, or take '{old}' out of formerly."
                yield Problem(entry.en.path, line, f"formerly: '{old}' is a page today", remedy)
            elif claimed[old] > 1:
                yield Problem(
                    entry.en.path, line, f"formerly: two entries claim '{old}'", "One page can redirect to one."
                )
