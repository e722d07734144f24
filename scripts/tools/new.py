"""Scaffolds an entry: ``make new ENTRY=section/some-id`` writes its files, each failing until filled in.

In the section of symptoms it writes the page of a symptom, with one cause.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.problems import ROOT, BuildError
from scripts.sources import causes, marks, outline, sections
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

SYMPTOMS = "checklist"  # the section whose pages are of symptoms
SYMPTOM_NEUTRAL = """kind: symptom
says: []
looks:
causes:
  - {id: first-cause, check: find_first_cause, unlike: other-symptom/other-cause, report: ""}
fixes: []
planned: []
related: []
"""
UNDER_SYMPTOM = {
    "what-you-see": '--8<-- "seen: first-cause"\n\n',
    "causes": """### {#first-cause}

--8<-- "check: first-cause"

**It is this when**

**Fix.**

--8<-- "bug: first-cause"

""",
    "all-checks": '--8<-- "crossed"\n\n--8<-- "check.py"\n',
}
PROGRAM = '''"""What the program is for: no word of its fault."""

raise NotImplementedError("{path}: write the program, then remove this line")
'''
CHECK = '''"""What these look for, and when to call them."""


def find_first_cause(model, inputs, targets):
    """Say what was found, with its number, or nothing; change nothing."""
    raise NotImplementedError("{path}: write the check, then remove this line")
'''
SYMPTOM_TEST = '''"""{id}: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """What the symptom looks like in numbers."""
    raise NotImplementedError("{path}: say it, then remove this line")


@causes("{id}")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
'''


def page(entry: str, lang: str) -> str:
    """The page of one language, with the headings of a technique."""
    text = HEAD.format(title=entry, neutral=NEUTRAL if lang == "en" else "", in_short=IN_SHORT[lang])
    for heading in outline.OUTLINE:
        if "technique" not in heading.kinds:
            continue
        plain = lang == "en" and marks.slug(heading.titles[lang]) == heading.id
        text += f"## {heading.titles[lang]}{'' if plain else f' {{#{heading.id}}}'}\n\n"
        text += UNDER.get(heading.id, "").format(id=entry)
    return text


def symptom_page(entry: str, lang: str) -> str:
    """The page of one language, with the headings of a symptom."""
    neutral = SYMPTOM_NEUTRAL if lang == "en" else ""
    text = f"---\ntitle:\nsummary:\naliases: []\n{neutral}---\n\n# {entry}\n\n{IN_SHORT[lang]}\n\n"
    for heading in outline.OUTLINE:
        if causes.KIND in heading.kinds:
            text += f"## {heading.titles[lang]} {{#{heading.id}}}\n\n{UNDER_SYMPTOM.get(heading.id, '')}"
    return text


def symptom_files(section: str, entry: str) -> dict[str, str]:
    """Path -> text of every file of a symptom with one cause."""
    room = f"snippets/{section}/{entry.replace('-', '_')}"
    wanted = {f"docs/{lang}/{section}/{entry}.md": symptom_page(entry, lang) for lang in LANGUAGES}
    for name in ("broken_first_cause.py", "fixed_first_cause.py"):
        wanted[f"{room}/{name}"] = PROGRAM.format(path=f"{room}/{name}")
    wanted[f"{room}/{causes.CHECKS}"] = CHECK.format(path=f"{room}/{causes.CHECKS}")
    path = f"tests/snippets/{section}/test_{entry.replace('-', '_')}.py"
    wanted[path] = SYMPTOM_TEST.format(id=entry, path=path)
    return wanted


def files(section: str, entry: str) -> dict[str, str]:
    """Path -> text of every file of the entry."""
    if section == SYMPTOMS:
        return symptom_files(section, entry)
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
