"""The YAML block at the head of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from scripts.problems import BuildError, Problem
from scripts.sources import reading

BLOCK = re.compile(r"\A---\n(?P<yaml>.*?)^---[ \t]*\n", re.MULTILINE | re.DOTALL)

# key -> (type, whether every entry needs it). Language-neutral facts stand in the English page alone.
NEUTRAL: dict[str, tuple[type, bool]] = {
    "year": (int, False),
    "papers": (list, True),
    "torch": (list, False),
    "related": (list, True),
    "tags": (list, False),
    "shares": (list, False),
    "kind": (str, False),
    "formerly": (list, False),
}
# Of the page of a symptom; see scripts/sources/symptoms.py for a cause.
SYMPTOM: dict[str, tuple[type, bool]] = {
    "kind": (str, True),
    "causes": (list, True),
    "says": (list, False),
    "looks": (str, True),
    "fixes": (list, True),
    "planned": (list, False),
    "related": (list, True),
    "formerly": (list, False),
}
SPOKEN: dict[str, tuple[type, bool]] = {
    "title": (str, True),
    "summary": (str, True),
    "aliases": (list, True),
    "situation": (str, False),
    "solves": (str, False),
}
INDEX: dict[str, tuple[type, bool]] = {
    "title": (str, True),
    "summary": (str, True),
    "aliases": (list, False),
    "papers": (list, False),
    "hide": (list, False),
    "template": (str, False),
}
# What a value must look like beyond its type. ``hide`` and ``template`` are words of the site generator.
FORMS = {
    "torch": (re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII), "a dotted name, as torch.nn.init.zeros_"),
    "shares": (re.compile(r"batch|channel|group|space|neighbours"), "one of batch, channel, group, space, neighbours"),
    "hide": (re.compile(r"navigation|toc|path|footer"), "one of navigation, toc, path, footer"),
    "template": (re.compile(r"[a-z0-9-]+\.html"), "the name of a template, as home.html"),
}
ENTITY = re.compile(r"&(#\d+|#[xX][0-9A-Fa-f]+|\w+);")
LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where there is: ten times as fast


class _Loader(LOADER):
    """A safe loader that refuses a key given twice, which YAML would let pass, and names the place of any bad value."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError, LookupError, TypeError) as error:  # !!int x, the 32nd of a month
            raise yaml.MarkedYAMLError(
                problem=f"a value that is none ({error})", problem_mark=node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem="a key that is no text", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"'{key}' is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def value(text: str, path: str, first_line: int = 1, what: str = "front matter") -> Any:
    """What a YAML text says.

    Raises:
        BuildError: when it is none; ``first_line`` is where it begins in the file ``path``.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        mark, position = getattr(error, "problem_mark", None), getattr(error, "position", None)
        line = mark.line if mark else text.count("\n", 0, position) if position else 0
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "nested too deep"
        remedy = "Mend the YAML; put quotes around a value that holds ': ' or '#'."
        raise BuildError([Problem(path, first_line + line, f"broken {what}: {said}", remedy)]) from None


def split(text: str, path: str) -> tuple[dict[str, Any], str, int, list[Problem]]:
    """The front matter, the body, the body's first line, and what is wrong with the block."""
    match = BLOCK.match(text)
    if match is None:
        remedy = "Begin the page with '---', its facts in YAML, and '---'; CONTRIBUTING.md lists them."
        return {}, text, 1, [Problem(path, 1, "the page has no front matter", remedy)]
    body_line = text.count("\n", 0, match.end()) + 1
    body = text[match.end() :]
    try:
        meta = value(match["yaml"], path, 2)
    except BuildError as error:
        return {}, body, body_line, error.problems
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
        neutral_keys = SYMPTOM if meta.get("kind") == "symptom" else NEUTRAL
        known = SPOKEN | neutral_keys if lang == "en" else SPOKEN
    else:
        known = INDEX
    for key, given in meta.items():
        if key not in known:
            neutral = key in NEUTRAL | SYMPTOM and lang != "en"
            remedy = "State it in the English page alone." if neutral else f"Known are: {', '.join(known)}."
            yield Problem(path, line_of(text, str(key)), f"front matter: '{key}' does not belong here", remedy)
            continue
        kind, _ = known[key]
        right = isinstance(given, kind) and not isinstance(given, bool)
        if right and kind is str:
            right = bool(given.strip())
        if right and kind is list:
            right = all(isinstance(item, dict if key == "causes" else str) for item in given)
        if not right:
            wanted = {str: "a text", int: "a whole number", list: "a list of texts"}[kind]
            wanted = (
                "a list of records, as {id: log-of-zero, check: is_finite, unlike: other}"
                if key == "causes"
                else wanted
            )
            remedy = f"Write {wanted}; quote values that YAML would read otherwise (1e-3, yes, 2010, a: b)."
            yield Problem(path, line_of(text, key), f"front matter: '{key}' must be {wanted}", remedy)
        else:
            yield from _values(key, given, path, line_of(text, key))
    for key, (_, required) in known.items():
        if required and key not in meta:
            yield Problem(path, 1, f"front matter: '{key}' is missing", "Add it; CONTRIBUTING.md says what it is.")


def _values(key: str, given: Any, path: str, line: int) -> Iterator[Problem]:
    """Texts that a page would show otherwise than they are written, and names that are none."""
    if key == "year" and not 1600 <= given < 2100:
        yield Problem(path, line, f"front matter: the year {given}", "Write the year it appeared, as 2015.")
    for item in given if isinstance(given, list) else [given]:
        if not isinstance(item, str):
            continue
        if not item.strip() or re.search(r"[\n\t]", item.strip()) or reading.UNSEEN.search(item):
            message = f"front matter: '{key}' holds an empty text, a line break, a tab or an invisible character"
            yield Problem(path, line, message, "Write it in one line.")
        elif entity := ENTITY.search(item):
            message = f"front matter: '{key}' holds {entity.group()}, which would be shown as it stands"
            yield Problem(path, line, message, "Write the character itself.")
        elif key in FORMS and not FORMS[key][0].fullmatch(item):
            yield Problem(path, line, f"front matter: {key}: '{item}' is not {FORMS[key][1]}", "Write it so.")
