"""The Content-Security-Policy of a page: its own scripts by hash, its own host for all the rest."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape

SCRIPT = re.compile(r"<script(?![^>]*\b(?:src|type)=)[^>]*>(.*?)</script>", re.DOTALL)
HEAD = '<meta charset="utf-8">'


def inline_scripts(page: str) -> set[str]:
    """The hash of each script that stands in the page itself, as a policy names it; data blocks are no scripts."""
    return {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in SCRIPT.findall(page)
    }


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
