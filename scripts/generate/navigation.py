"""The configuration of one edition: what mkdocs.yml says, and the navigation that the folders give."""

from __future__ import annotations

import json
from html import escape

from scripts.catalog import Catalog
from scripts.generate.words import word


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


def _nav(catalog: Catalog, lang: str) -> list[str]:
    top = [entry for entry in catalog.entries if not entry.section]
    home = next(entry for entry in top if entry.id == "index")
    lines = [_item(2, word("home", lang), "index.md")]
    for section in catalog.sections:
        index = catalog.index_of(section)
        lines.append(f"  - {_text(index.title(lang) if index else section)}:")
        if index:
            lines.append(_item(4, index.title(lang), index.pages[lang].name))
        lines += [_item(4, entry.title(lang), entry.pages[lang].name) for entry in catalog.in_section(section)]
    rest = [entry for entry in top if entry is not home]
    if rest:
        lines.append(f"  - {json.dumps(word('indexes', lang), ensure_ascii=False)}:")
        lines += [_item(4, entry.title(lang), entry.pages[lang].name) for entry in rest]
    lines.append(f"  - {json.dumps(word('reference', lang), ensure_ascii=False)}:")
    for section in catalog.sections:
        index = catalog.index_of(section)
        lines.append(_item(4, index.title(lang) if index else section, f"reference/{section}.md"))
    lines.append(_item(4, "scripts", "reference/build.md"))
    return lines
