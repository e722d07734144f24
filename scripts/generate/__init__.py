"""Writes what the site generator reads, below the stage: pages with every mark resolved, their navigation, and files.

Takes everything from one :class:`Site`; knows nothing of torch. A staged page depends on nothing but itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts.generate import (
    bugs,
    downloads,
    feed,
    navigation,
    pages,
    plain,
    redirects,
    reference,
    search,
    unsaid,
)
from scripts.generate.site import Site
from scripts.problems import stop_on
from scripts.sources import history
from scripts.sources.pages import LANGUAGES, Entry
from scripts.stage import Stage

__all__ = ["Site", "entry_files", "files", "generate"]


def generate(site: Site) -> list[str]:
    """Write the whole stage; files that did not change keep their time, files no longer wanted go.

    Returns:
        The files that were written, relative to the stage.

    Raises:
        BuildError: when a page shows a figure that no snippet drew, or a word that has no Chinese twin.
    """
    stop_on(pages.missing_artifacts(site))
    stop_on(unsaid.problems(site))
    stage = Stage(site.catalog.root)
    return stage.write(dict(files(site)), whole=True)


def files(site: Site) -> Iterator[tuple[str, str]]:
    """Every file of the stage: its path there, and its text."""
    catalog = site.catalog
    for entry in catalog.entries:
        yield from entry_files(site, entry)
    for lang in LANGUAGES:
        yield Stage.config_name(lang), navigation.config(catalog, lang)
        for section in reference.sections(catalog):
            yield Stage.page_name(lang, f"reference/{section}.md"), reference.page(catalog, section, lang)
        yield Stage.page_name(lang, "reference/build.md"), reference.build_page(catalog, lang)
    for name, text in search.files(catalog):
        yield Stage.file_name(name), text
    for name, text in redirects.files(catalog, site.address):
        yield Stage.file_name(name), text
    yield Stage.file_name("catalog.json"), downloads.catalog_json(site)
    yield Stage.file_name("verification.json"), downloads.verification_json(site)
    yield Stage.file_name("recipes.json"), downloads.recipes_json(catalog)
    yield Stage.file_name("bugs.json"), bugs.bugs_json(site)
    for schema in sorted(Path(__file__).parent.glob("*.schema.json")):
        yield Stage.file_name(schema.name), schema.read_text(encoding="utf-8")
    yield Stage.file_name("llms.txt"), downloads.llms_txt(catalog)
    dates = history.dates(catalog.root, "docs")
    for lang, name in (("en", "feed.xml"), ("zh", "zh/feed.xml")):
        yield Stage.file_name(name), feed.feed(catalog, dates, site.address, lang)


def entry_files(site: Site, entry: Entry) -> Iterator[tuple[str, str]]:
    """The files of the stage that are one entry's own: its pages, also as plain Markdown, and its downloads."""
    for lang, page in entry.pages.items():
        yield Stage.page_name(lang, page.name), pages.staged(site, entry, lang)
        yield Stage.markdown_name(lang, page.name), plain.markdown(site, entry, lang)
    for snippet in entry.snippets:
        yield Stage.file_name(snippet.address), snippet.text
        if snippet.cause:
            continue  # a program to run a detector over, not to work in
        yield Stage.file_name(f"{snippet.address[:-3]}.ipynb"), downloads.notebook(site, entry, snippet)
