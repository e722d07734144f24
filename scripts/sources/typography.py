"""How numbers and signs are written in prose: one way on all pages of an edition.

English sets a comma into numbers from 1,000 on; sizes that are multiples of 512 (4096 channels), years, and numbers
that are names (GTX 1080, issue 24725) have none. Chinese sets it from five digits on: 1000, but 10,000.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from scripts.memory import remembered
from scripts.problems import Problem
from scripts.sources import marks
from scripts.sources.pages import Page

READ = re.compile(r"(?:title|summary|situation|solves): ")  # lines of front matter that are prose
UNREAD = re.compile(r"\{[:#][^{}\n]*\}|^ *--8<--.*$|\[@[^\]]*\]|\]\([^()\s]*\)?|<[^<>\n]*>|https?://\S+", re.MULTILINE)
HAN = r"[\u4e00-\u9fff]"
COUNT = r"[\d零一二两三四五六七八九十百千万几]"
# Before a number that is a name, a part of one, or a term of something longer.
NAMED = r"(?<![\w.,#/+−–-])(?<!issue )(?<!request )(?<!GTX )(?<!RTX )(?<!\()"
RULES: dict[str, tuple[tuple[re.Pattern[str], str, str], ...]] = {
    "": (
        (
            re.compile(r"(?<![\w.,-])\d{1,3}(?: \d{3})+(?![\w.])"),
            "a number with a space in it",
            "Separate thousands by a comma.",
        ),
        (re.compile(r"(?<!\w)\d+ ?[xX] ?\d+(?!\w)"), "an x for a times sign", "Write ×, with spaces or without."),
        (re.compile(r"\d %"), "a space before the percent sign", "Write it at the number."),
        (
            re.compile(r"(?<![\w.\-–/\])])-\d"),
            "a hyphen for a minus sign",
            "Write −, or code if a program says it so.",
        ),
    ),
    "en": ((re.compile(NAMED + r"[1-9]\d{3,}(?![\w-]|[.,]\d| ×)"), "a number without its comma", "Write 1,000."),),
    "zh": (
        (
            re.compile(r"(?<![\w.,])\d,\d{3}(?![\d,])"),
            "a comma in a number of four digits",
            "Write 1000; from five digits on 10,000.",
        ),
        (
            re.compile(NAMED + r"[1-9]\d{4,}(?![\w-]|[.,]\d| ×)"),
            "a number without its comma",
            "Write 10,000, or 1 万.",
        ),
        (re.compile(rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9%]{HAN}"), "Han and Latin without a space", "Write a space between."),
        (re.compile(rf"{HAN}[,;:?!(]|\){HAN}"), "a half-width sign beside Han", "Write the full-width one."),
        (
            re.compile(rf"(?:缩小|减小|减少|降低|下降|[小少低短])了[约近]?(?:大约)? ?{COUNT}+ ?倍"),
            "a decrease in 倍",
            "Write what is left: 降到三分之一, 只剩十分之一.",
        ),
    ),
}


def prose(page: Page) -> str:
    """What of a page is prose, each character in its line: no code, formulas, addresses, or other names."""
    return _prose(page.text[: len(page.text) - len(page.body)], page.body)


@remembered
def _prose(head: str, body: str) -> str:
    lines = head.split("\n")
    text = "\n".join(line if READ.match(line) else "\x00" * len(line) for line in lines) + marks.mask(body)
    return UNREAD.sub(_blank, text)


def check(pages: Iterable[Page]) -> Iterator[Problem]:
    """Every number and sign of a page that is written otherwise than the rest."""
    for page in pages:
        yield from _found(page.path, page.lang, prose(page))


@remembered
def _found(path: str, lang: str, text: str) -> list[Problem]:
    problems = []
    for pattern, what, remedy in (*RULES[""], *RULES[lang]):
        for match in pattern.finditer(text):
            if not (pattern.pattern.startswith(NAMED) and _is_size(match.group())):
                line = text.count("\n", 0, match.start()) + 1
                near = text[max(0, match.start() - 12) : match.end() + 12].replace("\x00", " ").replace("\n", " ")
                problems.append(Problem(path, line, f"{what}: '{near.strip()}'", remedy))
    return problems


def _is_size(number: str) -> bool:
    """A year, or a size of tensors and networks, which are written without a comma."""
    return int(number) % 512 == 0 or 1800 <= int(number) < 2100


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\x00", match.group())
