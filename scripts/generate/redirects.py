"""Pages at addresses that entries once had: each sends its reader on, without a script."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.generate import addresses, html
from scripts.generate.addresses import page_url
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog
from scripts.sources.pages import LANGUAGES, Entry


def files(catalog: Catalog, address: str) -> Iterator[tuple[str, str]]:
    """Name and text of each such page of both editions; ``address`` is the site's public one, or empty."""
    for entry in catalog.techniques:
        for old in entry.former:
            for lang in LANGUAGES:
                yield f"{'zh/' if lang == 'zh' else ''}{old}.html", page(entry, lang, address)


def page(entry: Entry, lang: str, address: str) -> str:
    """A page that leads from ``<section>/<old id>.html`` to the entry; search engines take the new address for it."""
    target = addresses.entry_href(entry, "elsewhere")  # old addresses too lie one folder down
    title = html.text(entry.title(lang))
    return f"""<!doctype html>
<html lang="{lang}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width,initial-scale=1">
    <title>{title}</title>
    <meta http-equiv="refresh" content="0; url={html.attr(target)}">
    <link rel="canonical" href="{html.attr(address + page_url(entry, lang) if address else target)}">
  </head>
  <body>
    <main><h1>{title}</h1><p>{word("moved", lang)} {html.link(target, title)}</p></main>
  </body>
</html>
"""
