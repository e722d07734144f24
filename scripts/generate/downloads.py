"""Files that the site offers beside its pages: snippets, notebooks, the catalogue, pages as Markdown."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import nbformat

from scripts import markup
from scripts.catalog import LANGUAGES, Catalog, Entry, snippet_path
from scripts.generate import report
from scripts.generate.code import fence
from scripts.generate.words import word

# Signs that a reader of Markdown would take for more than text.
SIGNS = re.compile(r"[\\`*\[\]<>|$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")


def written(text: str) -> str:
    """Plain text as Markdown."""
    return SIGNS.sub(r"\\\g<0>", text)


def target(url: str) -> str:
    """An address as Markdown puts it in parentheses."""
    return url.replace("(", "%28").replace(")", "%29")


def page_url(entry: Entry, lang: str) -> str:
    """Address of an entry's page, relative to the site's root."""
    return f"{'zh/' if lang == 'zh' else ''}{entry.section + '/' if entry.section else ''}{entry.id}.html"


def notebook(catalog: Catalog, verification: dict[str, Any], entry: Entry, snippet: str, address: str) -> str:
    """The snippet as a notebook: a cell that says what it is, and the code, byte for byte.

    Its links to the page are absolute where the site's public ``address`` is known; else they hold where the notebook
    lies in the site.
    """
    code = (catalog.root / snippet).read_text(encoding="utf-8")
    result = report.first(verification, snippet)
    proof = ""
    if result:
        torch, device = report.torch_of(verification, result), report.device_of(result)
        proof = written(f"Verified on torch {torch}, {device}, {report.day_of(verification, result)}.")
    root = address or "../" * snippet.count("/")
    links = " · ".join(f"[{written(entry.title(lang))}]({root}{page_url(entry, lang)})" for lang in LANGUAGES)
    about = (
        f"# {written(entry.title('en'))}\n\n{written(entry.en.meta['summary'])}\n\nPage: {links}\n\n{proof}".rstrip()
    )
    return _book(about, code.removesuffix("\n"))


@cache
def _book(about: str, code: str) -> str:
    """A notebook of one cell of text and one of code, checked once: nbformat's own constructors check every part."""
    language = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    text_cell = {"id": "about", "cell_type": "markdown", "metadata": {}, "source": about}
    code_cell = {"id": "snippet", "cell_type": "code", "metadata": {}, "source": code}
    book = nbformat.from_dict(
        {
            "nbformat": nbformat.v4.nbformat,
            "nbformat_minor": nbformat.v4.nbformat_minor,
            "metadata": {**language, "language_info": {"name": "python"}},
            "cells": [text_cell, code_cell | {"execution_count": None, "outputs": []}],
        }
    )
    nbformat.validate(book)
    return str(nbformat.v4.writes(book)) + "\n"


def catalog_json(catalog: Catalog, verification: dict[str, Any]) -> str:
    """The published catalogue; README.md describes its fields."""
    entries = []
    for entry in catalog.techniques:
        zh = entry.pages["zh"].meta
        entries.append(
            {
                "id": entry.id,
                "section": entry.section,
                "title": entry.title("en"),
                "title_zh": entry.title("zh"),
                "summary": entry.en.meta["summary"],
                "summary_zh": zh["summary"],
                "aliases": entry.facts("aliases"),
                "aliases_zh": zh["aliases"],
                "year": entry.en.meta.get("year"),
                "papers": [
                    {"key": key, "title": paper.title, "url": paper.url, "archive": paper.archive}
                    for key in entry.facts("papers")
                    for paper in [catalog.papers[key]]
                ],
                "torch": entry.facts("torch"),
                "tags": entry.facts("tags"),
                "url": page_url(entry, "en"),
                "url_zh": page_url(entry, "zh"),
                "snippets": [{"path": path, "url": path} for path in entry.snippets],
                "verified": [
                    {
                        "path": path,
                        "torch": report.torch_of(verification, result),
                        "device": result["device"],
                        "date": report.day_of(verification, result),
                    }
                    for path in entry.snippets
                    for result in report.passed(verification, path)
                ],
            }
        )
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"


def plain_markdown(catalog: Catalog, verification: dict[str, Any], entry: Entry, lang: str) -> str:
    """The page as Markdown that stands alone: snippets and outputs inlined, links made addresses of the site."""
    page = entry.pages[lang]

    def render(mark: markup.Mark) -> str | None:
        if mark.kind == "claim":
            return mark.text
        if mark.kind == "cite":
            keys = [key.strip()[1:] for key in mark.target.split(";")]
            return "; ".join(
                f"[{written(catalog.papers[k].short(lang))}]({target(catalog.papers[k].url)})" for k in keys
            )
        if mark.kind == "embed":
            return f"*{written(mark.caption or mark.text)}*"
        if mark.kind == "heading":
            return f"{'#' * mark.level} {mark.text}"
        if mark.kind == "link":
            return f"[{mark.text}]({mark.target.replace('.md', '.html')})"
        if mark.kind == "include" and mark.target.startswith("facts/") and entry.is_technique:
            return _facts(catalog, verification, entry, lang)
        if mark.kind == "include":
            snippet = snippet_path(entry.section, mark.target)
            if snippet is None:
                return ""
            result = report.first(verification, snippet)
            text = fence((catalog.root / snippet).read_text(encoding="utf-8"), "python")
            output = ((result or {}).get("output") or "").rstrip()
            return text + (f"\n\n{fence(output, 'text')}" if output else "")
        return None

    body = markup.replace(page.body, page.marks, render)
    parts, place = [], 0
    for block in markup.fences(body):
        parts += [_closed(body[place : block.start]), body[block.start : block.end]]
        place = block.end
    return "".join([*parts, _closed(body[place:])]).lstrip("\n")


def _closed(text: str) -> str:
    """Text with no more blank lines than one together."""
    return re.sub(r"\n{3,}", "\n\n", text)


def _facts(catalog: Catalog, verification: dict[str, Any], entry: Entry, lang: str) -> str:
    """What the page's fact line says, for those who read it as Markdown."""
    papers = [catalog.papers[key] for key in entry.facts("papers")]
    lines = [f"> {written(entry.pages[lang].meta['summary'])}", ""]
    lines += [f"- {written(paper.short(lang))}: [{written(paper.title)}]({target(paper.url)})" for paper in papers]
    lines += [f"- `{name}`" for name in entry.facts("torch")]
    if result := next(filter(None, (report.first(verification, snippet) for snippet in entry.snippets)), None):
        torch, device = report.torch_of(verification, result), report.device_of(result)
        proof = written(f"torch {torch}, {device}, {report.day_of(verification, result)}")
        lines.append(f"- {word('verified_on', lang)}: {proof}")
    return "\n".join(lines)


def llms_txt(catalog: Catalog) -> str:
    """An outline of the site for language models: each entry's Markdown address and summary."""
    lines = [
        "# Deep Learning Guide",
        "",
        "> A check list for networks that train badly. Every snippet was run and checked before publication.",
    ]
    for section in catalog.sections:
        index = catalog.index_of(section)
        lines += ["", f"## {written(index.title('en') if index else section)}", ""]
        for entry in catalog.in_section(section):
            place = page_url(entry, "en").removesuffix(".html") + ".md"
            lines.append(f"- [{written(entry.title('en'))}]({place}): {written(entry.en.meta['summary'])}")
    return "\n".join(lines) + "\n"
