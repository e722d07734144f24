"""What the built site holds, for tests to go through."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any

from lxml import html

from scripts.problems import ROOT

SITE = ROOT / "site"


@cache
def html_pages() -> list[str]:
    """Every page of both editions, relative to the site's root."""
    return sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))


def tree(name: str) -> html.HtmlElement:
    """A page, parsed."""
    return html.parse(SITE / name).getroot()


def groups(items: list[Any], size: int) -> list[list[Any]]:
    """The items in groups, so that a test opens one browser page for many."""
    return [items[start : start + size] for start in range(0, len(items), size)]


@cache
def entries() -> list[dict[str, Any]]:
    """The published catalogue."""
    found = SITE / "catalog.json"
    return list(json.loads(found.read_text(encoding="utf-8"))) if found.exists() else []


def blocks(name: str) -> dict[str, str]:
    """The snippets that a page shows: id of the block -> its file, from the site's root."""
    found = {}
    if 'class="snippet' not in (SITE / name).read_text(encoding="utf-8"):
        return found
    for block in tree(name).find_class("snippet"):
        address = block.xpath('.//a[@download][contains(@href, ".py") or contains(@href, ".ipynb")]/@href')[0]
        file = re.sub(r"\.ipynb$", ".py", address)  # an experiment that imports others offers its notebook alone
        found[block.get("id")] = os.path.normpath(os.path.join(os.path.dirname(name), file))  # noqa: PTH118, PTH120
    return found


def file(name: str) -> str:
    """The text of a published snippet, without the end of its last line: nobody copies that."""
    return (SITE / name).read_text(encoding="utf-8").removesuffix("\n")
