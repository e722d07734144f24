"""Scaffolds an entry: ``make new ENTRY=section/some-id`` writes its files, each failing until filled in."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.problems import ROOT, BuildError
from scripts.sources import sections

PAGE = """---
title:
summary:
aliases: []
{neutral}situation:
---

# {title}

--8<-- "facts"

{one_sentence}

## {use_it_when}

## {think_twice_when}

## {code}

--8<-- "use.py"

## {how_it_works}

## {from_scratch}

--8<-- "from_scratch.py"

## {evidence}

![](figure:{id}.svg "")

--8<-- "evidence.py"

## {pitfalls}

- [](claim:wrong_way_fails)
"""
NEUTRAL = """year:
papers: []
torch: []
related: []
tags: []
"""
HEADINGS = {
    "en": {
        "one_sentence": "**In one sentence.**",
        "use_it_when": "Use it when",
        "think_twice_when": "Think twice when",
        "code": "Code",
        "how_it_works": "How it works",
        "from_scratch": "From scratch",
        "evidence": "Evidence",
        "pitfalls": "Pitfalls",
    },
    "zh": {
        "one_sentence": "**一句话。**",
        "use_it_when": "何时使用 {#use-it-when}",
        "think_twice_when": "何时三思 {#think-twice-when}",
        "code": "代码 {#code}",
        "how_it_works": "原理 {#how-it-works}",
        "from_scratch": "从零实现 {#from-scratch}",
        "evidence": "实验证据 {#evidence}",
        "pitfalls": "常见陷阱 {#pitfalls}",
    },
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


def files(section: str, entry: str) -> dict[str, str]:
    """Path -> text of every file of the entry."""
    name = entry.replace("-", "_")
    wanted = {}
    for lang, headings in HEADINGS.items():
        neutral = NEUTRAL if lang == "en" else ""
        text = PAGE.format(id=entry, title=entry, neutral=neutral, **headings)
        wanted[f"docs/{lang}/{section}/{entry}.md"] = text
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
    print("\nFill them in (CONTRIBUTING.md says how); `make site` stops at whatever is still open.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
