"""Every name and alias in order, a heading for each letter; Chinese names by the sound of their first character."""

from __future__ import annotations

import re
from bisect import bisect_right

from scripts.generate import html
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog

# GB 2312 holds its 3755 commonest characters in the order of pinyin: the first code of each initial.
_FIRST = (
    "B0A1 B0C5 B2C1 B4EE B6EA B7A2 B8C1 B9FE BBF7 BFA6 C0AC C2E8 C4C3 C5B6 C5BE C6DA C8BB C8F6 CBFA CDDA CEF4 D1B9 D4D1"
)
_STARTS = [int(code, 16) for code in _FIRST.split()]
_INITIALS = "ABCDEFGHJKLMNOPQRSTWXYZ"
_END = 0xD7F9
HAN = "中文"


def initial(character: str) -> str:
    """The first letter of a Chinese character's pinyin; empty for one that is not among the commonest."""
    try:
        code = int.from_bytes(character.encode("gb2312"))
    except UnicodeEncodeError:
        return ""
    return _INITIALS[bisect_right(_STARTS, code) - 1] if _STARTS[0] <= code <= _END else ""


def group(name: str) -> tuple[int, str]:
    """Where a name belongs: (0, letter), (1, "") for digits and signs, (2, initial of the pinyin)."""
    first = (re.sub(r"^\W+", "", name) or name)[0].upper()
    if first.isascii():
        return (0, first) if first.isalpha() else (1, "")
    return (2, initial(first))


def names(catalog: Catalog, lang: str) -> str:
    """Markdown: every name in both languages leads to its entries; spellings that differ by capitals stand once."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    titles = [(str(page.meta["title"]), entry) for entry in catalog.techniques for page in entry.pages.values()]
    aliases = [(str(a), e) for e in catalog.techniques for page in e.pages.values() for a in page.meta["aliases"]]
    for name, entry in titles + aliases:
        found.setdefault(name.casefold(), (name, {}))[1][entry.id] = html.entry_link(entry, "", lang)
    groups: dict[tuple[int, str], list[str]] = {}
    for name, targets in sorted(found.values(), key=lambda pair: _order(pair[0])):
        groups.setdefault(group(name), []).append(_item(name, [targets[key] for key in sorted(targets)], lang))
    ordered = sorted(groups, key=lambda key: (key[0], key[1] == "", key[1]))
    parts = [_letters(ordered, lang)]
    for kind, letter in ordered:
        items = groups[kind, letter]
        parts += [
            "",
            f"## {_label(kind, letter)} {{#{_anchor(kind, letter)}}}",
            "",
            '<ul class="names">',
            *items,
            "</ul>",
        ]
    return "\n".join(parts) + "\n"


def _order(name: str) -> tuple[bytes, str]:
    return (re.sub(r"^\W+", "", name).casefold() or name).encode("gb18030"), name


def _item(name: str, targets: list[str], lang: str) -> str:
    if len(targets) == 1 and targets[0].endswith(f">{html.text(name)}</a>"):
        return f"<li>{targets[0]}</li>"
    other = lang != "zh" and re.search(r"[\u4e00-\u9fff]", name)
    said = f'<span lang="zh-Hans">{html.text(name)}</span>' if other else html.text(name)
    return f"<li>{said}{word('colon', lang)}{word('comma', lang).join(targets)}</li>"


def _label(kind: int, letter: str) -> str:
    return (letter, "0–9", f"{HAN} {letter}".strip())[kind]


def _anchor(kind: int, letter: str) -> str:
    return (letter.lower(), "digits", f"han-{letter.lower() or 'other'}")[kind]


def _letters(groups: list[tuple[int, str]], lang: str) -> str:
    """A line of links to the headings."""
    links = {
        han: " ".join(
            html.link(f"#{_anchor(*key)}", key[1] or ("0–9" if key[0] == 1 else "…"), aria_label=_label(*key))
            for key in groups
            if (key[0] == 2) == han
        )
        for han in (False, True)
    }
    chinese = f' <span lang="zh-Hans">{HAN}</span> {links[True]}' if links[True] else ""
    return f'<nav class="letters" aria-label="{word("letters", lang)}">{links[False]}{chinese}</nav>\n'
