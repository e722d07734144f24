"""Files that the site offers beside its pages: notebooks, the catalogue, the report, an outline."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import nbformat

from scripts.generate import proofs
from scripts.generate.addresses import page_url
from scripts.generate.signs import written
from scripts.generate.site import Site
from scripts.memory import remembered
from scripts.sources.catalog import Catalog
from scripts.sources.labels import said
from scripts.sources.pages import LANGUAGES, Entry
from scripts.sources.recipes import Amount, Choice, Recipe
from scripts.sources.snippets import Snippet


def notebook(site: Site, entry: Entry, snippet: Snippet) -> str:
    """The snippet as a notebook: a cell that says what it is, and the code, byte for byte.

    What an experiment imports of the guide is written to files first, by cells that hold those.

    Its links to the page are absolute where the site's public address is known; else they hold where the notebook
    lies in the site.
    """
    result = site.report.first(snippet.path)
    proof = ""
    if result:
        torch, device = result.release, proofs.device_of(result)
        proof = written(f"Verified on torch {torch}, {device}, {proofs.day_of(result)}.")
    root = site.address or "../" * snippet.address.count("/")
    links = " · ".join(f"[{written(entry.title(lang))}]({root}{page_url(entry, lang)})" for lang in LANGUAGES)
    title, summary = written(entry.title("en")), written(entry.en.meta["summary"])
    about = f"# {title}\n\n{summary}\n\nPage: {links}\n\n{proof}".rstrip()
    beside = tuple((companion.path, companion.content.decode()) for companion in snippet.companions)
    return _book(about, snippet.text.removesuffix("\n"), beside)


@remembered
def _book(about: str, code: str, beside: tuple[tuple[str, str], ...] = ()) -> str:
    """A notebook of one cell of text and one of code, checked once: nbformat's own constructors check every part.

    ``beside`` are paths and texts of files that the code imports.
    """
    language = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    text_cell = {"id": "about", "cell_type": "markdown", "metadata": {}, "source": about}
    cells = {f"file-{place}": f"%%writefile {path}\n{text}" for place, (path, text) in enumerate(beside)}
    if beside:
        folders = sorted({path.rpartition("/")[0] for path, _ in beside})
        cells = {"folders": f"import os\n\nfor folder in {folders}:\n    os.makedirs(folder, exist_ok=True)"} | cells
    code_cells: list[dict[str, Any]] = [
        {"id": name, "cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
        for name, source in [*cells.items(), ("snippet", code)]
    ]
    book = nbformat.from_dict(
        {
            "nbformat": nbformat.v4.nbformat,
            "nbformat_minor": nbformat.v4.nbformat_minor,
            "metadata": {**language, "language_info": {"name": "python"}},
            "cells": [text_cell, *code_cells],
        }
    )
    nbformat.validate(book)
    return str(nbformat.v4.writes(book)) + "\n"


def catalog_json(site: Site) -> str:
    """The published catalogue; README.md describes its fields."""
    catalog, entries = site.catalog, []
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
                "snippets": [{"path": s.path, "url": s.address} for s in entry.snippets],
                "verified": [
                    {
                        "path": snippet.path,
                        "torch": result.release,
                        "device": result.device,
                        "date": proofs.day_of(result),
                    }
                    for snippet in entry.snippets
                    for result in site.report.passed(snippet.path)
                ],
            }
        )
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"


def recipes_json(catalog: Catalog) -> str:
    """The published recipes; ``recipes.schema.json`` describes their fields."""
    return json.dumps([_recipe(catalog, recipe) for recipe in catalog.recipes], ensure_ascii=False, indent=1) + "\n"


def _recipe(catalog: Catalog, recipe: Recipe) -> dict[str, Any]:
    source = recipe.source
    places: dict[str, Any] = {"urls": [address for _, address in source.links]}
    if source.paper:
        places = {"paper": source.paper, "place": source.place, "urls": [catalog.papers[source.paper].url]}
    found: dict[str, Any] = {
        "id": recipe.id,
        "url": f"recipes.html#{recipe.id}",
        "url_zh": f"zh/recipes.html#{recipe.id}",
        "task": recipe.task,
        "task_zh": said(catalog.labels, recipe.task, "zh"),
        "model": recipe.model,
        "data": recipe.data,
        "optimizer": _choice(recipe.optimizer),
        "others": recipe.others and _choice(recipe.others),
        "then": recipe.then and _choice(recipe.then),
        "scaling": recipe.scaling and asdict(recipe.scaling),
        "warmup": recipe.warmup and {**_amount(recipe.warmup.length), "start": recipe.warmup.start},
        "schedule": recipe.schedule and _choice(recipe.schedule),
        "length": recipe.length and _amount(recipe.length),
        "batch": recipe.batch and _amount(recipe.batch),
        **recipe.more,
        "no_decay": list(recipe.no_decay),
        "initialization": recipe.init,
        "not_built": recipe.not_built.get("en"),
        "note": recipe.note.get("en"),
        "note_zh": recipe.note.get("zh"),
        "result": recipe.result.get("en"),
        "source": places,
    }
    return {key: value for key, value in found.items() if value not in (None, "", [])}


def _choice(choice: Choice) -> dict[str, Any]:
    return {"id": choice.id, "settings": choice.settings}


def _amount(amount: Amount) -> dict[str, Any]:
    return {"number": amount.number, "unit": amount.unit}


def verification_json(site: Site) -> str:
    """The verifier's report, whole."""
    return json.dumps(site.report.to_json(), ensure_ascii=False, indent=1) + "\n"


def llms_txt(catalog: Catalog) -> str:
    """An outline of the site for language models: each entry's Markdown address and summary."""
    lines = [
        "# Deep Learning Guide",
        "",
        "> A check list for networks that train badly. Every snippet was run and checked before publication.",
    ]
    for section in catalog.sections:
        index = catalog.index_of(section.id)
        lines += ["", f"## {written(index.title('en') if index else section.id)}", ""]
        for entry in catalog.in_section(section.id):
            address = page_url(entry, "en").removesuffix(".html") + ".md"
            lines.append(f"- [{written(entry.title('en'))}]({address}): {written(entry.en.meta['summary'])}")
    return "\n".join(lines) + "\n"
