"""Plain text and addresses as Markdown."""

from __future__ import annotations

import re

# Signs that a reader of Markdown would take for more than text.
SIGNS = re.compile(r"[\\`*\[\]<>|$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")


def written(text: str) -> str:
    """Plain text as Markdown."""
    return SIGNS.sub(r"\\\g<0>", text)


def target(url: str) -> str:
    """An address as Markdown puts it in parentheses."""
    return url.replace("(", "%28").replace(")", "%29")
