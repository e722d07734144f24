"""Writes what the site generator reads: ``build/stage/<language>/{docs,pieces,mkdocs.yml}``.

Takes everything from the catalogue and the two reports; knows nothing of torch.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts import history
from scripts.catalog import LANGUAGES, Catalog, Entry, snippet_path
from scripts.generate import (
    alphabet,
    code,
    downloads,
    facts,
    feed,
    indexes,
    navigation,
    pages,
    redirects,
    reference,
    search,
)
from scripts.problems import stop_on

STAGE = "build/stage"


def generate(catalog: Catalog, verification: dict[str, Any], results: dict[str, Any]) -> list[str]:
    """Write the whole stage; files that did not change keep their time, files no longer wanted go.

    Returns:
        The files that were written, below build/stage.

    Raises:
        BuildError: when a page shows a figure that no snippet drew.
    """
    stop_on(pages.missing_artifacts(catalog, verification))
    return write(catalog.root, dict(files(catalog, verification, results)), whole=True)


def write(root: Path, wanted: dict[str, str], whole: bool) -> list[str]:
    """Write files of the stage whose text changed; where these are the whole stage, remove all others.

    Returns:
        Those that were written.
    """
    stage = root / STAGE
    written = [name for name, text in wanted.items() if _write(stage / name, text)]
    if whole:
        for path in stage.rglob("*"):
            if path.is_file() and path.relative_to(stage).as_posix() not in wanted:
                path.unlink()
    return written


def _write(path: Path, text: str) -> bool:
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True


def files(catalog: Catalog, verification: dict[str, Any], results: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every file of the stage: its path below build/stage, and its text."""
    for entry in catalog.entries:
        yield from entry_files(catalog, verification, results, entry)
    for lang in LANGUAGES:
        yield f"{lang}/mkdocs.yml", navigation.config(catalog, lang)
        for section in catalog.sections:
            yield f"{lang}/pieces/{section}/tables/{section}.md", indexes.comparison(catalog, section, lang)
            yield f"{lang}/pieces/{section}/timelines/{section}.md", indexes.timeline(catalog, section, lang)
            yield f"{lang}/docs/reference/{section}.md", reference.page(catalog, section, lang)
        for name, text in search.files(catalog, lang):
            yield f"files/{name}", text
        yield f"{lang}/docs/reference/build.md", reference.build_page(catalog, lang)
        for name, text in (
            ("papers", indexes.papers(catalog, lang)),
            ("names", alphabet.names(catalog, lang)),
            ("torch", indexes.torch_names(catalog, lang)),
            ("timeline", indexes.timeline(catalog, "", lang)),
            ("tags", indexes.tags(catalog, lang)),
            ("symptoms", indexes.symptoms(catalog, lang)),
            ("sections", indexes.sections(catalog, lang)),
        ):
            yield f"{lang}/pieces/site/generated/{name}.md", text
    address = os.environ.get("SITE_URL", "")
    for name, text in redirects.files(catalog, address):
        yield f"files/{name}", text
    yield "files/catalog.json", downloads.catalog_json(catalog, verification)
    yield "files/verification.json", json.dumps(verification, ensure_ascii=False, indent=1) + "\n"
    yield "files/catalog.schema.json", Path(__file__).with_name("catalog.schema.json").read_text(encoding="utf-8")
    yield "files/llms.txt", downloads.llms_txt(catalog)
    dates = history.dates(catalog.root, "docs")
    for lang, name in (("en", "feed.xml"), ("zh", "zh/feed.xml")):
        yield f"files/{name}", feed.feed(catalog, dates, address, lang)


def entry_files(
    catalog: Catalog, verification: dict[str, Any], results: dict[str, Any], entry: Entry
) -> Iterator[tuple[str, str]]:
    """The files of the stage that are one entry's own: its pages, its pieces, its downloads."""
    address = os.environ.get("SITE_URL", "")
    for lang, page in entry.pages.items():
        yield f"{lang}/docs/{page.name}", pages.staged(catalog, verification, results, entry, lang)
        yield f"{lang}/markdown/{page.name}", downloads.plain_markdown(catalog, verification, entry, lang)
        if not entry.section:
            continue
        yield f"{lang}/pieces/{entry.section}/facts/{entry.id}.md", facts.facts(catalog, verification, entry, lang)
        for mark in page.of("include"):
            if path := snippet_path(entry.section, mark.target):
                piece = code.piece(catalog, verification, entry, path, lang)
                yield f"{lang}/pieces/{entry.section}/{mark.target}", piece
    for snippet in entry.snippets:
        yield f"files/{snippet}", (catalog.root / snippet).read_text(encoding="utf-8")
        yield f"files/{snippet[:-3]}.ipynb", downloads.notebook(catalog, verification, entry, snippet, address)


def clean(root: Path) -> None:
    """Remove the stage, so that the next build writes all of it."""
    shutil.rmtree(root / STAGE, ignore_errors=True)
