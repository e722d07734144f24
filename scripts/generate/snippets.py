"""A snippet on its page: the whole file, what it printed, and the proof that it ran."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from griffe import Docstring, DocstringSectionKind, Module, visit

from scripts.generate import addresses, html, proofs
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.memory import remembered
from scripts.sources.labels import said
from scripts.sources.pages import Entry
from scripts.sources.snippets import Snippet

LONG = 60  # lines; longer snippets begin folded
FOLDED = {"evidence": "evidence_code", "broken": "broken_program", "fixed": "fixed_program"}  # role -> its summary


def fence(text: str, info: str) -> str:
    """A fenced block that ``text`` cannot end early."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    bar = "`" * (longest + 1)
    return f"{bar}{info}\n{text.rstrip(chr(10))}\n{bar}"


def piece(site: Site, entry: Entry, snippet: Snippet, highlighted: Sequence[str], lang: str) -> str:
    """Markdown of one snippet: code with its chief parts highlighted, badge, downloads, captured output."""
    text, name, anchor = snippet.text, snippet.published, snippet.anchor
    folded = FOLDED.get(snippet.role, "")
    base = addresses.site_root(entry.section, lang) + snippet.address.removesuffix(".py")
    result = site.report.first(snippet.path)
    output = result.output.rstrip() if result else ""
    links = [
        *_proofs(site, entry, snippet, f"#{anchor}-output" if output else "#verified", lang),
        _file(snippet, base, addresses.site_root(entry.section, lang), lang),
        *_notebook(snippet, base, lang),
        *(_copy_part(snippet, part, lang) for part in highlighted),
    ]
    marked = " ".join("{}-{}".format(*snippet.parts[part]) for part in highlighted)
    lit = f' hl_lines="{marked}"' if marked else ""
    parts = [fence(text, f' {{ .python title="{name}"{lit} }}')]
    lines = text.count("\n")
    if long := lines > LONG and not folded:
        label = f"<span>{word('show_all', lang).format(lines)}</span><span>{word('fold', lang)}</span>"
        box = f'<input type="checkbox" class="unfold" id="all-{anchor}">'
        parts = [f'<div class="fold">{box}<label for="all-{anchor}">{label}</label></div>', "", *parts]
    shown = []
    if output:
        shown = [
            f'<div class="output" id="{anchor}-output" markdown>',
            fence(output, f' {{ .text title="{word("output", lang)}" }}'),
            "</div>",
            "",
        ]
    if folded:
        inside = ["", *shown] if snippet.cause else []  # what a planted program prints is a long log
        label = word(folded, lang)
        parts = [
            f'<details class="evidence-code" markdown>\n<summary>{label}</summary>',
            "",
            *parts,
            *inside,
            "",
            "</details>",
        ]
    parts += ["", f'<p class="snippet-bar">{" ".join(links)}</p>', "", *([] if snippet.cause else shown)]
    if snippet.role == "from_scratch":
        parts += [parameters(text, name, lang, partial(said, site.catalog.labels, lang=lang)), ""]
    return (
        f'<div class="snippet{" long" if long else ""}" id="{anchor}" markdown>\n\n' + "\n".join(parts) + "\n</div>\n"
    )


def _file(snippet: Snippet, base: str, root: str, lang: str) -> str:
    """A link to the file, or to all of them where it imports some, and how to run it there."""
    if not snippet.companions:
        return html.link(f"{base}.py", word("download_py", lang), download=snippet.published)
    command = html.code(f"python -m {snippet.path.removesuffix('.py').replace('/', '.')}")
    return f"{html.link(f'{root}snippets.zip', word('download_zip', lang), download='snippets.zip')} {command}"


def _notebook(snippet: Snippet, base: str, lang: str) -> Iterator[str]:
    """A link to the notebook; a planted program has none."""
    if not snippet.cause:
        name = snippet.published.replace(".py", ".ipynb")
        yield html.link(f"{base}.ipynb", word("download_ipynb", lang), download=name)


def _copy_part(snippet: Snippet, part: str, lang: str) -> str:
    """A button that copies one function or class; docs/theme/assets/guide.js shows it and makes it work."""
    first, last = snippet.parts[part]
    label = word("copy_part", lang).format(html.code(part))
    return f'<button type="button" class="copy-part" data-lines="{first}-{last}" hidden>{label}</button>'


def _proofs(site: Site, entry: Entry, snippet: Snippet, output: str, lang: str) -> Iterator[str]:
    """Links of the badge: to what the snippet printed, to its runs elsewhere, to the tests that prove more."""
    results = site.report.passed(snippet.path)
    if results:
        yield html.link(output, proofs.badge(results[0], lang), class_="badge")
    if len(results) > 1:
        yield html.link("#verified", f"+{len(results) - 1}", title=word("how_verified", lang))
    if tests := site.catalog.tests.get(entry.test):
        yield html.link("#claims-and-tests", word("tests_more", lang).format(len(tests)))


def parameters(text: str, name: str, lang: str, say: Callable[[str], str] = str) -> str:
    """Tables of the parameters of a snippet's public functions and classes, from their docstrings."""
    head = [word(key, lang) for key in ("name", "type", "default", "meaning")]
    tables = [
        html.table(head, [[*row[:3], html.inline(say(row[3]))] for row in rows], html.code(member), "parameters")
        for member, rows in _documented(text, name)
    ]
    if not tables:
        return ""
    return (
        f'<details class="parameters"><summary>{word("parameters", lang)}</summary>\n'
        + "\n".join(tables)
        + "\n</details>"
    )


def meanings(snippet: Snippet) -> set[str]:
    """What the docstrings of a snippet's public functions and classes say of their parameters."""
    return {row[3] for _, rows in _documented(snippet.text, snippet.published) for row in rows}


@remembered
def _documented(text: str, name: str) -> list[tuple[str, list[list[str]]]]:
    """Name and rows of every public function and class whose docstring describes parameters; the meaning is no HTML."""
    module = Module(name.removesuffix(".py"))
    tree = visit(module.name, filepath=None, code=text)  # type: ignore[arg-type]
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            docstring = tree.members[node.name].docstring
            if rows := _rows(docstring) if docstring else []:
                found.append((node.name, rows))
    return found


def _rows(docstring: Docstring) -> list[list[str]]:
    rows = []
    for section in docstring.parse("google", warnings=False):
        if section.kind is DocstringSectionKind.parameters:
            for item in section.value:
                default = html.code(str(item.default)) if item.default is not None else ""
                meaning = " ".join(item.description.split())
                rows.append([html.code(item.name), html.code(str(item.annotation or "")), default, meaning])
    return rows
