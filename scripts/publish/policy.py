"""The Content-Security-Policy of a page: the theme's scripts by hash, its own host for all the rest.

A script counts as the theme's when it is one of its templates', whatever a page holds: so none that came into a page by
its text is let through.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib.util import find_spec
from pathlib import Path

from scripts.problems import ROOT, Problem

SCRIPT = re.compile(r"<script(?![^>]*\b(?:src|type)=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
FILLED = re.compile(r"\{\{.*?\}\}", re.DOTALL)  # what a template fills in: here, an address
ADDRESS = r"[\w./:~%-]*"
HEAD = '<meta charset="utf-8">'


def theme_scripts(root: Path = ROOT) -> list[re.Pattern[str]]:
    """What the inline scripts of the theme's templates look like in a page: Material's, and those of docs/theme."""
    material = find_spec("material")
    folders = [Path(place) / "templates" for place in (material.submodule_search_locations if material else []) or []]
    found = {}
    for folder in [*folders, root / "docs" / "theme"]:
        for template in sorted(folder.rglob("*.html")):
            for script in SCRIPT.findall(template.read_text(encoding="utf-8")):
                if "{%" not in script:
                    found[script] = re.compile(ADDRESS.join(map(re.escape, FILLED.split(script))))
    return list(found.values())


def inline_scripts(page: str, known: Iterable[re.Pattern[str]]) -> set[str]:
    """The hash of each script of the theme that stands in the page itself, as a policy names it."""
    return {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in SCRIPT.findall(page)
        if any(pattern.fullmatch(script) for pattern in known)
    }


def strangers(page: str, name: str, known: Iterable[re.Pattern[str]]) -> Iterator[Problem]:
    """Scripts of a page that are none of the theme's; no browser would run them."""
    for match in SCRIPT.finditer(page):
        if not any(pattern.fullmatch(match[1]) for pattern in known):
            message = f"the page holds a script that is not the theme's: {match[1].strip()[:60]!r}"
            remedy = "Take it out of the page's sources; scripts of the site lie in docs/theme."
            yield Problem(name, page.count("\n", 0, match.start()) + 1, message, remedy)


def policy(hashes: Iterable[str]) -> str:
    """The policy (W3C CSP level 3). Formulas and figures carry style attributes, hence 'unsafe-inline' for style."""
    parts = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *sorted(hashes)]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def with_policy(page: str, hashes: Iterable[str]) -> str:
    """The page with its policy at the head of its head, before anything that it governs."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(hashes), quote=True)}">'
    return page.replace(HEAD, f"{HEAD}\n      {meta}", 1)
