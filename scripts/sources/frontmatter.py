"""The YAML block at the head of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from scripts.problems import Problem

BLOCK = re.compile(r"\A---\n(?P<yaml>.*?)^---[ \t]*\n", re.MULTILINE | re.DOTALL)

# key -> (type, whether every entry needs it). Language-neutral facts stand in the English page alone.
NEUTRAL: dict[str, tuple[type, bool]] = {
    "year": (int, False),
    "papers": (list, True),
    "torch": (list, False),
    "related": (list, True),
    "tags": (list, False),
    "kind": (str, False),
    "formerly": (list, False),
}
SPOKEN: dict[str, tuple[type, bool]] = {
    "title": (str, True),
    "summary": (str, True),
    "aliases": (list, True),
    "situation": (str, False),
}
INDEX: dict[str, tuple[type, bool]] = {
    "title": (str, True),
    "summary": (str, True),
    "aliases": (list, False),
    "papers": (list, False),
    "hide": (list, False),
    "template": (str, False),
}
LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where there is: ten times as fast


class UniqueKeys(LOADER):
    """A safe loader that refuses a key given twice, which YAML would let pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"'{key}' is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def split(text: str, path: str) -> tuple[dict[str, Any], str, int, list[Problem]]:
    """The front matter, the body, the body's first line, and what is wrong with the block."""
    match = BLOCK.match(text)
    if match is None:
        remedy = "Begin the page with '---', its facts in YAML, and '---'; CONTRIBUTING.md lists them."
        return {}, text, 1, [Problem(path, 1, "the page has no front matter", remedy)]
    body_line = text.count("\n", 0, match.end()) + 1
    body = text[match.end() :]
    try:
        meta = yaml.load(match["yaml"], Loader=UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = (mark.line if mark else 0) + 2
        what = getattr(error, "problem", None) or "not readable"
        remedy = "Mend the YAML; put quotes around a value that holds ': ' or '#'."
        return {}, body, body_line, [Problem(path, line, f"broken front matter: {what}", remedy)]
    if not isinstance(meta, dict):
        return {}, body, body_line, [Problem(path, 2, "the front matter is no list of 'key: value' lines", "Mend it.")]
    return meta, body, body_line, []


def line_of(text: str, key: str) -> int:
    """The line in which the front matter gives ``key``, else the first."""
    match = re.search(rf"^{re.escape(key)}:", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def check(meta: dict[str, Any], text: str, path: str, lang: str, is_entry: bool) -> Iterator[Problem]:
    """Unknown keys, missing keys, and values of the wrong type."""
    if is_entry:
        known = SPOKEN | NEUTRAL if lang == "en" else SPOKEN
    else:
        known = INDEX
    for key, value in meta.items():
        if key not in known:
            neutral = key in NEUTRAL and lang != "en"
            remedy = "State it in the English page alone." if neutral else f"Known are: {', '.join(known)}."
            yield Problem(path, line_of(text, str(key)), f"front matter: '{key}' does not belong here", remedy)
            continue
        kind, _ = known[key]
        right = isinstance(value, kind) and not isinstance(value, bool)
        if right and kind is str:
            right = bool(value.strip())
        if right and kind is list:
            right = all(isinstance(item, str) for item in value)
        if not right:
            wanted = {str: "a text", int: "a whole number", list: "a list of texts"}[kind]
            remedy = f"Write {wanted}; quote values that YAML would read otherwise (1e-3, yes, 2010, a: b)."
            yield Problem(path, line_of(text, key), f"front matter: '{key}' must be {wanted}", remedy)
    for key, (_, required) in known.items():
        if required and key not in meta:
            yield Problem(path, 1, f"front matter: '{key}' is missing", "Add it; CONTRIBUTING.md says what it is.")
