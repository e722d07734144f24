"""The head of a page as the site generator and docs/theme/main.html read it."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from scripts.sources.catalog import Catalog
from scripts.sources.pages import Entry
from scripts.sources.papers import Paper

# The site searches by its own index (search.py); filling Material's as well took half the time of rendering.
UNSEARCHED = {"search": {"exclude": True}}


def text(meta: dict[str, Any]) -> str:
    """The YAML block that begins a page; its values are written as JSON, which YAML contains."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in {**meta, **UNSEARCHED}.items()]
    return "---\n" + "\n".join(lines) + "\n---\n"


def of_entry(catalog: Catalog, entry: Entry, lang: str) -> dict[str, Any]:
    """What the template needs to know of an entry: description, structured data, and the papers that it rests on."""
    page = entry.pages[lang]
    meta: dict[str, Any] = {key: page.meta[key] for key in ("hide", "template") if key in page.meta}
    # The theme shows both as they are; what goes into structured data it escapes itself.
    meta["title"], meta["description"] = escape(entry.title(lang)), escape(page.meta["summary"])
    if entry.is_technique:
        meta["entry"] = entry.id
        meta["article"] = article(catalog, entry, lang)
    return meta


def article(catalog: Catalog, entry: Entry, lang: str) -> dict[str, Any]:
    """Structured data of a technique's page: a TechArticle of schema.org, with its papers as citations."""
    page = entry.pages[lang]
    return {
        "@context": "https://schema.org",
        "@type": "TechArticle",
        "headline": entry.title(lang),
        "description": page.meta["summary"],
        "inLanguage": "zh-Hans" if lang == "zh" else "en",
        "keywords": [str(alias) for alias in page.meta.get("aliases") or []],
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "citation": [citation(catalog.papers[key]) for key in entry.facts("papers")],
    }


def citation(paper: Paper) -> dict[str, Any]:
    """A paper in the terms of schema.org."""
    return {
        "@type": "ScholarlyArticle",
        "name": paper.title,
        "author": [{"@type": "Person", "name": name} for name in paper.names],
        "datePublished": str(paper.year),
        "url": paper.url,
        "archivedAt": paper.archive,
    }
