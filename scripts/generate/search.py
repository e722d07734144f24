"""The search index of each edition: what docs/theme/assets/search ranks pages by."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from scripts.generate.addresses import page_url
from scripts.generate.phrases import word
from scripts.sources import marks
from scripts.sources.catalog import Catalog
from scripts.sources.pages import Entry, Page

LETTERS = {"en": 400, "zh": 120}  # of a page's own words in the index; the rest of the prose is not searched
COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be because been but by can each for from has have if in into is it its more most not of on "
        "one only or other same so such than that the their them then there these they this to two use used uses using "
        "was what when where which while who will with without your you",
    )
)
# Headings that every entry has.
STANDARD = frozenset(
    (
        "use-it-when",
        "think-twice-when",
        "start-from-these-settings",
        "code",
        "how-it-works",
        "from-scratch",
        "evidence",
        "pitfalls",
        "related",
    )
)


def files(catalog: Catalog, lang: str) -> Iterator[tuple[str, str]]:
    """The index, named by its content, and the small file that Material loads at start, which names the index."""
    folder = "search" if lang == "en" else f"{lang}/search"
    text = json.dumps(index(catalog, lang), ensure_ascii=False, separators=(",", ":")) + "\n"
    name = f"index.{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"
    yield f"{folder}/{name}", text
    config = {"lang": [lang], "separator": "[\\s]+", "pipeline": [], "fields": {}, "index": name}
    yield f"{folder}/search_index.json", json.dumps({"config": config, "docs": []}) + "\n"


def index(catalog: Catalog, lang: str) -> dict[str, Any]:
    """Every page of the edition that can be found, and each symptom, which leads to its first fix."""
    docs = [_page(catalog, entry, lang) for entry in catalog.entries]
    return {"words": {"nearest": word("nearest", lang)}, "docs": [*docs, *_symptoms(catalog, lang)]}


def _id(entry: Entry) -> str:
    return entry.section if entry.section and not entry.is_technique else entry.id


def _url(entry: Entry) -> str:
    return page_url(entry, "en")  # relative to the edition's root, which is the same in both


def _page(catalog: Catalog, entry: Entry, lang: str) -> dict[str, Any]:
    other = next(page for key, page in entry.pages.items() if key != lang)
    page = entry.pages[lang]
    aliases = [str(name) for each in (page, other) for name in each.meta.get("aliases") or []]
    asked = [phrase for each in (page, other) for phrase in entry.asked[each.lang]]
    papers = [catalog.papers[key] for key in entry.facts("papers") if key in catalog.papers]
    doc: dict[str, Any] = {
        "url": _url(entry),
        "kind": "technique" if entry.is_technique else "section" if entry.section else "page",
        "title": entry.title(lang),
        "summary": str(page.meta["summary"]),
        "names": list(dict.fromkeys([str(other.meta["title"]), _id(entry), *aliases])),
        "asked": asked,
        "torch": entry.facts("torch"),
        "papers": [paper.title for paper in papers],
        "authors": " ".join([*papers[0].authors, str(papers[0].year)]) if papers else "",
        "coauthors": " ".join(name for paper in papers[1:] for name in paper.authors),
        "headings": [m.text for m in page.of("heading") if m.level > 1 and m.target not in STANDARD],
        "links": len(catalog.related_to.get(entry.id, [])),
        "text": _words(page)[: LETTERS[lang]].rpartition(" ")[0],
    }
    return {key: value for key, value in doc.items() if value}


@cache
def _words(page: Page) -> str:
    """The page's first words, each once, without code, formulas, marks and the commonest words."""
    kept = marks.replace(page.body, page.marks, lambda m: m.text if m.kind in ("claim", "link") else "")
    plain = re.sub(r"\x00+", " ", marks.mask(kept))
    seen: dict[str, None] = {}
    for part in re.findall(r"[\u4e00-\u9fff]+|[^\W\d_][\w-]{2,}", plain):
        if part.lower() not in COMMON:
            seen.setdefault(part if part[0] >= "\u4e00" else part.lower())
    return " ".join(seen) + " "


def _symptoms(catalog: Catalog, lang: str) -> Iterator[dict[str, Any]]:
    for symptom in catalog.symptoms:
        fixes = [catalog.by_id[fix] for fix in symptom.fixes]
        if fixes:
            other = "en" if lang == "zh" else "zh"
            yield {
                "url": _url(fixes[0]),
                "kind": "symptom",
                "title": symptom.names[lang],
                "summary": f"→ {fixes[0].title(lang)}: {fixes[0].pages[lang].meta['summary']}",
                "names": [symptom.names[other], *symptom.aliases],
            }
