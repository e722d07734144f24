"""What the built site holds, for tests to go through."""

from __future__ import annotations

import json
from typing import Any

from scripts.problems import ROOT

SITE = ROOT / "site"


def html_pages() -> list[str]:
    """Every page of both editions, relative to the site's root."""
    return sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))


def groups(items: list[Any], size: int) -> list[list[Any]]:
    """The items in groups, so that a test opens one browser page for many."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def entries() -> list[dict[str, Any]]:
    """The published catalogue."""
    found = SITE / "catalog.json"
    return list(json.loads(found.read_text(encoding="utf-8"))) if found.exists() else []
