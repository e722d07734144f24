"""Chinese text as it is set: no gap where a line of the source ended, none beside full-width brackets."""

from __future__ import annotations

import re

from scripts.memory import remembered
from scripts.sources import marks

WIDE = r"\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”‘’…"
# Emphasis, links, and what a claim has become: the characters beside it decide.
MARKUP = r"(?:\*+|\[|\]\([^()\s]*\)|</?(?:span|a)\b[^<>]*>|✓)*"
BREAK = re.compile(rf"(?<=[{WIDE}])({MARKUP})\n[ ]*(?={MARKUP}[{WIDE}])")
CITATION = re.compile(r"(?<=\S) *\n? *(（<a [^（）]*</a>）) *")
ALONE = re.compile(r" *(#|\||<(?!span|a )|\[\^|:::|--8<--)")  # lines that are no part of a paragraph


@remembered
def joined(body: str) -> str:
    """Markdown whose paragraphs have no line end between two wide characters, which a browser may show as a space."""
    parts, place = [], 0
    for fence in marks.fences(body):
        parts += [_prose(body[place : fence.start]), body[fence.start : fence.end]]
        place = fence.end
    return "".join([*parts, _prose(body[place:])])


def _prose(text: str) -> str:
    def join(match: re.Match[str]) -> str:
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        return match.group() if ALONE.match(line) else match.group(1)

    text = CITATION.sub(r"\1", text)
    return BREAK.sub(join, text)
