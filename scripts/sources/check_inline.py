"""The text of a page's Markdown: no sign in it that would be printed as it stands, or read as something else.

What is understood (code, formulas, marks, links, emphasis, a few elements of HTML) is taken away piece by piece; what
then is left of the signs of Markdown is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.sources import marks
from scripts.sources.check_blocks import ITEM, Found, blocks, cells

TAKEN = "\x01"  # stands for what was understood
ADDRESS = r"https?://(?:[A-Za-z0-9._~:/?#\[\]@!$&'*+,;=-]|%[0-9A-Fa-f]{2}|\([^()\s<>\"]*\))+"
LINK = re.compile(rf"(?<!!)\[(?P<text>{marks.LINK_TEXT})\]\((?:{ADDRESS}|#[\w-]+)(?: \"[^\"\n]*\")?\)")
ESCAPE = re.compile(r"\\[\\*_{}\[\]()#+.!$|>-]")
STRONG = re.compile(r"(?<!\*)\*\*(?=[^\s*])([^*]*[^\s*])\*\*(?!\*)")
EMPHASIS = re.compile(r"(?<!\*)\*(?=[^\s*])([^*]*[^\s*])\*(?!\*)")
REFERENCE = re.compile(r"\]\[|\[\^|\[@")
PAIR = re.compile(r"\[[^\[\]\x01]*\](?![\[({])")
# Elements in a line, with their attributes, and lines that are nothing but the begin or end of an element.
TAG = re.compile(
    r"</(?:a|kbd|sub|sup|small|span)>|<(?:br|wbr)>|<(?:kbd|sub|sup|small)>"
    rf"|<a href=\"(?:{ADDRESS}|(?![\w+.-]*:)[\w./#-]+)\">|<span lang=\"[\w-]+\">"
)
FRAME = re.compile(
    r"</(?:details|div)>|<(?:details|div)(?: (?:class|id)=\"[\w -]*\")* markdown>|<summary>[^<>&]*</summary>"
)
OVER = "that goes on where its paragraph has ended"
STRUCTURE = re.compile(r"\n *(\n|[-*+] |\d+[.)] |#|!!!|\?\?\?|>|<)")
SIGNS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"!?\]\(|!\["), "a link, mark or image that is not understood", "See the table in CONTRIBUTING.md."),
    (
        REFERENCE,
        "a reference that is not understood",
        "Write [text](address), or [@key] for a paper.",
    ),
    (re.compile("`"), "a backtick without its partner in the same line", "Close the code, or leave the sign out."),
    (re.compile(r"\*"), "an asterisk that makes no emphasis", r"Write **bold** or *italic* within a paragraph, or \*."),
    (
        re.compile(r"(?<![^\W\x00])_|_(?![^\W\x00])"),
        "an underscore at the edge of a word",
        "Write code in backticks, else \\_.",
    ),
    (re.compile(r"[{}]"), "a brace outside of code and formulas", r"Write \{ or \}; only headings bear {#name}."),
    (
        re.compile(r"<(?=[A-Za-z/!?])"),
        "HTML that pages do not hold",
        "Write Markdown; a sign alone is '< ' with a space.",
    ),
    (re.compile(r"&(#\w+|\w+);"), "a character written as HTML", "Write the character itself."),
    (
        re.compile(r"~~|(?<!\S)(==|\+\+|\^\^)(?=\S)"),
        "a sign that nothing here understands",
        "Leave it out, or use code.",
    ),
    (
        re.compile(r"(?<![\w:]):[a-z0-9_+-]+:(?![\w:])"),
        "an emoji's name, which would be printed",
        "Write the sign itself.",
    ),
    (re.compile(r"\$\$"), "'$$' that belongs to no formula", r"Close the formula, or write \$."),
    (re.compile(r"\\"), "a backslash that escapes nothing", "Delete it, or write code or a formula."),
    (re.compile(r"[\[\]]"), "a bracket without its partner", r"Write \[ or \], or a formula."),
)


def problems(body: str) -> Iterator[Found]:
    """What is wrong with the text of ``body``."""
    plain = marks.without_code(body)
    for match in marks.CODE.finditer(marks.without_fences(body)):
        if "\n" in match.group():
            yield _line_of(body, match.start()), "code that goes on in the next line", "Write it in one line."
        elif re.search(r"<[!?]", match.group()):
            yield _line_of(body, match.start()), "'<!' or '<?' in a line", "Show it in a fence."
    yield from _frames(plain)
    found: list[Found] = []
    for match in marks.MATH.finditer(plain):
        if STRUCTURE.search(match.group()):
            found.append((_line_of(body, match.start()), f"a formula {OVER}", "Keep it within its paragraph."))
    plain = marks.MATH.sub(lambda match: re.sub(r"[^\n]", TAKEN, match.group()), plain)
    lines = _reduced(plain, found).split("\n")
    yield from found
    for block in blocks(["" if FRAME.fullmatch(line) else line for line in _unblanked(lines)]):
        for offset, text in _segments(block.lines):
            yield from _text(text, block.start + offset)


def _line_of(body: str, place: int) -> int:
    return body.count("\n", 0, place)


def _unblanked(lines: list[str]) -> list[str]:
    """Lines of fences become empty ones, code within a line becomes a word."""
    return [re.sub("\x00+", TAKEN, line) if line.strip("\x00 ") or "\x00" not in line else "" for line in lines]


def _reduced(plain: str, found: list[Found]) -> str:
    """The text with every mark taken away; what is wrong within the marks is added to ``found``."""

    def take(mark: marks.Mark) -> str:
        place, text = mark.line - 1, mark.text
        if STRUCTURE.search(text):
            found.append((place, f"a {mark.kind} {OVER}", "Keep it within its paragraph."))
        elif mark.kind == "embed" and re.search(r"[`*$\\\x00\x01]|\]\(", text + mark.caption):
            found.append((place, "Markdown in the text of a figure or table", "Say it in plain words: it is not read."))
        elif mark.kind in ("claim", "link", "heading"):
            found.extend(_text(re.sub("\x00+", TAKEN, text), place))
            if not text.strip():
                found.append((place, f"a {mark.kind} without text", "Write what it says."))
            if mark.kind != "heading" and "|" in ESCAPE.sub("", text):
                found.append((place, f"a '|' in the text of a {mark.kind}", r"Write \|."))
        lead = "#" * mark.level + " " if mark.kind == "heading" else ""
        return lead + TAKEN + "\n" * (text + mark.target).count("\n")

    return marks.replace(plain, marks.marks(plain), take)


def _segments(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The parts of a block in which emphasis must end: an item, a cell, else the whole; with its first line."""
    if lines[0].lstrip().startswith("|"):
        for offset, line in enumerate(lines):
            if offset != 1:
                yield from ((offset, cell) for cell in cells(line))
        return
    starts = [offset for offset, line in enumerate(lines) if offset == 0 or ITEM.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        text = "\n".join(lines[start:end])
        item = ITEM.match(lines[start])
        yield start, re.sub(r"^#+ |^\{:.*\}$", "", text[item.end("marker") :] if item else text, flags=re.MULTILINE)


def _text(text: str, line: int) -> Iterator[Found]:
    """Signs that are left when all that is understood is taken from ``text``, which begins in ``line``."""
    inner: list[Found] = []

    def link(match: re.Match[str]) -> str:
        inner.extend(_text(match["text"], line + text.count("\n", 0, match.start())))
        return TAKEN + "\n" * match.group().count("\n")

    left = ESCAPE.sub(TAKEN, TAG.sub(TAKEN, LINK.sub(link, text)))
    yield from inner
    left = EMPHASIS.sub(r"\1", STRONG.sub(r"\1", left))
    if not REFERENCE.search(left):
        left = PAIR.sub(lambda match: TAKEN + match.group()[1:-1] + TAKEN, left)
    for pattern, what, remedy in SIGNS:
        if match := pattern.search(left):
            near = left[max(0, match.start() - 20) : match.end() + 20].replace(TAKEN, "…").strip()
            yield line + left.count("\n", 0, match.start()), f"{what}: {near!r}", remedy
            return


def _frames(plain: str) -> Iterator[Found]:
    """Elements begin and end in order; those that hold blocks in lines of their own."""
    open_: list[tuple[str, int]] = []
    for number, line in enumerate(plain.split("\n")):
        tags = [match.group() for match in TAG.finditer(line)]
        if FRAME.fullmatch(line):
            tags = [line] if not line.startswith("<summary") else []
        elif not line.startswith("<summary") and open_ and open_[-1][0] not in ("details", "div") and not line.strip():
            yield open_[-1][1], f"<{open_[-1][0]}> that does not end in its paragraph", "End it there."
            open_ = []
        for tag in tags:
            name = re.sub(r"\W.*", "", tag.lstrip("</"))
            if tag.startswith("</"):
                if not open_ or open_.pop()[0] != name:
                    yield number, f"</{name}> that ends nothing", "Delete it, or begin the element before."
            elif name not in ("br", "wbr"):
                open_.append((name, number))
    for name, number in open_:
        yield number, f"<{name}> that never ends", f"Write </{name}>."
