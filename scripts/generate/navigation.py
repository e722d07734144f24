"""The configuration of one edition: what mkdocs.yml says, and the navigation that the folders give."""

from __future__ import annotations

import json
from html import escape

from scripts.generate import reference
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog


def config(catalog: Catalog, lang: str) -> str:
    """YAML that inherits mkdocs.yml (or mkdocs.zh.yml) and adds the folders and the navigation."""
    parent = "mkdocs.yml" if lang == "en" else f"mkdocs.{lang}.yml"
    lines = [f"INHERIT: ../../../{parent}", "docs_dir: docs", f"site_dir: ../../rendered/{lang}"]
    lines += ["theme: {custom_dir: ../../../docs/theme}", "nav:"]  # paths hold from this file's folder
    lines += _nav(catalog, lang)
    return "\n".join(lines) + "\n"


def _item(indent: int, title: str, name: str) -> str:
    """A page under its title: without one the generator would have to read the page to name it on another."""
    return f"{' ' * indent}- {_text(title)}: {name}"


def _text(title: str) -> str:
    """A title as HTML, for the theme shows it as it is; JSON is YAML."""
    return json.dumps(escape(title), ensure_ascii=False)


def _group(indent: int, title: str) -> str:
    """A heading of the navigation, over the items that follow with more indent."""
    return f"{' ' * indent}- {_text(title)}:"


def _nav(catalog: Catalog, lang: str) -> list[str]:
    top = [entry for entry in catalog.entries if not entry.section]
    home = next(entry for entry in top if entry.id == "index")
    lines = [_item(2, word("home", lang), "index.md")]
    for section in (known.id for known in catalog.sections):
        index = catalog.index_of(section)
        lines.append(_group(2, index.title(lang) if index else section))
        if index:
            lines.append(_item(4, index.title(lang), index.pages[lang].name))
        for family, entries in catalog.families(section):
            lines.append(_group(4, family.names[lang]))
            lines += [_item(6, entry.title(lang), entry.pages[lang].name) for entry in entries]
    rest = [entry for entry in top if entry is not home]
    if rest:
        lines.append(_group(2, word("indexes", lang)))
        lines += [_item(4, entry.title(lang), entry.pages[lang].name) for entry in rest]
    lines.append(_group(2, word("reference", lang)))
    for section in reference.sections(catalog):
        index = catalog.index_of(section)
        lines.append(_item(4, index.title(lang) if index else section, f"reference/{section}.md"))
    lines.append(_item(4, "scripts", "reference/build.md"))
    return lines
