"""Scaffolds an entry: ``make new ENTRY=section/some-id`` writes its files, each failing until filled in."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.problems import ROOT, BuildError
from scripts.sources import marks, outline, sections
from scripts.sources.pages import LANGUAGES

HEAD = """---
title:
summary:
aliases: []
{neutral}situation:
---

# {title}

--8<-- "facts"

{in_short}

"""
NEUTRAL = """year:
papers: []
torch: []
related: []
tags: []
"""
IN_SHORT = {"en": "**In short.**", "zh": "**一句话概括：**"}
# What stands under a heading from the first; the rest is for whoever writes the page.
UNDER = {
    "code": '--8<-- "use.py"\n\n',
    "from-scratch": '--8<-- "from_scratch.py"\n\n',
    "evidence": '![](figure:{id}.svg "")\n\n--8<-- "evidence.py"\n\n',
    "pitfalls": "- **** [](claim:wrong_way_fails)\n",
}
SNIPPET = '''"""One line that says what this shows.

Source: Author et al., "Title", year, section.
"""

if __name__ == "__main__":
    raise NotImplementedError("{path}: write the snippet, then remove this line")
'''
TEST = '''"""{id}: oracles, and the claims of its page."""


def test_wrong_way_fails():
    """The claim, for the reader who opens this test."""
    raise NotImplementedError("{path}: prove the page's claim, then remove this line")
'''


def page(entry: str, lang: str) -> str:
    """The page of one language, with the headings of a technique."""
    text = HEAD.format(title=entry, neutral=NEUTRAL if lang == "en" else "", in_short=IN_SHORT[lang])
    for heading in outline.OUTLINE:
        plain = lang == "en" and marks.slug(heading.titles[lang]) == heading.id
        text += f"## {heading.titles[lang]}{'' if plain else f' {{#{heading.id}}}'}\n\n"
        text += UNDER.get(heading.id, "").format(id=entry)
    return text


def files(section: str, entry: str) -> dict[str, str]:
    """Path -> text of every file of the entry."""
    name = entry.replace("-", "_")
    wanted = {f"docs/{lang}/{section}/{entry}.md": page(entry, lang) for lang in LANGUAGES}
    for role in ("use", "from_scratch", "evidence"):
        path = f"snippets/{section}/{name}/{role}.py"
        wanted[path] = SNIPPET.format(path=path)
    path = f"tests/snippets/{section}/test_{name}.py"
    wanted[path] = TEST.format(id=entry, path=path)
    return wanted


def scaffold(root: Path, target: str) -> list[str]:
    """Write the files of ``section/id`` and return their paths.

    Raises:
        ValueError: for a target that is no ``section/id``, a section the guide does not have, or files already there.
    """
    if not re.fullmatch(r"[a-z]+/[a-z0-9]+(-[a-z0-9]+)*", target):
        raise ValueError(f"'{target}' is no section/some-id. Example: make new ENTRY=initialization/some-id")
    section, entry = target.split("/")
    known = [section.id for section in sections.load(root)]
    if section not in known:
        listed = ", ".join(known)
        raise ValueError(f"'{section}' is no section; there are: {listed}. A new one: docs/sections.yaml")
    wanted = files(section, entry)
    there = [path for path in wanted if (root / path).exists()]
    if there:
        raise ValueError(f"already there, and left as they are: {', '.join(there)}")
    for path, text in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(wanted)


def main(arguments: list[str]) -> int:
    """Command line."""
    try:
        if len(arguments) != 1:
            raise ValueError("name the entry: make new ENTRY=initialization/some-id")
        written = scaffold(ROOT, arguments[0])
    except (ValueError, BuildError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(written))
    print(f"\nAdd the id to a family in {sections.FILE}, and fill the files in (CONTRIBUTING.md says how);")
    print("`make site` stops at whatever is still open.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
