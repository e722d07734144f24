"""What stands at the foot of a page: related entries, symptoms that lead here, and how all of it was verified."""

from __future__ import annotations

import ast
import re

from scripts import claims
from scripts.generate import chinese, html, proofs
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.generate.snippets import fence
from scripts.memory import remembered
from scripts.sources.pages import Entry
from scripts.sources.symptoms import Symptom

CITATION = re.compile(r" *\[@[^\]]*\]")  # beside the sentence on the page it says enough


def foot(site: Site, entry: Entry, lang: str) -> str:
    """Markdown of what every technique's page ends with: related entries, symptoms, proofs."""
    catalog, parts = site.catalog, []
    related = [catalog.by_id[other] for other in entry.facts("related") if other in catalog.by_id]
    # Relations hold both ways, however few of the two pages say so.
    related += [e for e in catalog.related_to.get(entry.id, []) if e not in related]
    if related:
        parts += [f"## {word('related', lang)} {{#related}}", "", '<ul class="related">']
        parts += [html.entry_item(e, entry.section, lang) for e in related]
        parts += ["</ul>", ""]
    leading = catalog.symptoms_of.get(entry.id, [])
    if leading:
        items = "\n".join(f"<li>{_named(site, entry, symptom, lang)}</li>" for symptom in leading)
        parts += [f"**{word('symptoms', lang)}**", "", f'<ul class="symptoms">\n{items}\n</ul>', ""]
    return "\n".join(parts) + "\n" + verified(site, entry, lang)


def _named(site: Site, entry: Entry, symptom: Symptom, lang: str) -> str:
    """A symptom by its name, which leads to its page where it has one."""
    page = site.catalog.by_id.get(symptom.id)
    return html.entry_link(page, entry.section, lang) if page else html.text(symptom.names[lang])


def verified(site: Site, entry: Entry, lang: str) -> str:
    """Markdown of "How this was verified": each run of each snippet, and each claim's test with its source."""
    if not entry.snippets and entry.test not in site.catalog.tests:
        return ""
    parts = [f"## {word('how_verified', lang)} {{#verified}}", "", word("how_verified_text", lang), ""]
    rows = [
        [
            html.link(f"#{snippet.anchor}", html.code(snippet.path)),
            html.text(f"torch {r.release}, Python {r.python}"),
            html.text(proofs.device_of(r)),
            word("passed", lang),
            proofs.day_of(r),
            f"{r.seconds:.2f}",
        ]
        for snippet in entry.snippets
        for r in site.report.passed(snippet.path)
    ]
    if rows:
        head = [word(key, lang) for key in ("snippet", "verified", "device", "result", "date", "seconds")]
        parts += [html.table(head, rows, class_="runs"), ""]
        devices = {r.device for snippet in entry.snippets for r in site.report.passed(snippet.path)}
        if "cuda" not in devices:
            parts += [word("not_run_cuda", lang), ""]
    if entry.test in site.catalog.tests:
        parts.append(_tests(site, entry, lang))
    return "\n".join(parts)


def _tests(site: Site, entry: Entry, lang: str) -> str:
    file = site.claims.get(entry.test)
    if file is None:
        return ""
    claimed = {mark.target: mark.text for mark in entry.pages[lang].of("claim")}
    sources = _sources((site.catalog.root / entry.test).read_text(encoding="utf-8"))
    parts = [f"**{word('claim_test', lang)}** ({html.code(entry.test)})", "{: #claims-and-tests }", ""]
    lines = site.catalog.tests[entry.test]
    for name in sorted(lines, key=lambda n: (n.removeprefix("test_") not in claimed, lines[n])):
        claim = name.removeprefix("test_")
        result = claims.result_of(file, claim)
        if result is None:
            continue
        cases = f" · {result.cases} {word('cases', lang)}" if result.cases > 1 else ""
        when = f"torch {file.torch.split('+')[0]} · {file.when[:10]}"
        label = f"{html.code(name)} · {word('passed', lang)}{cases} · {result.seconds:.2f} s · {html.text(when)}"
        parts += [
            f'<details class="proof" markdown><summary>{label}</summary>',
            f'<div id="proof-{claim}" markdown>',
            "",
            *_sentence(claimed.get(claim), lang),
            fence(sources[name], " { .python }"),
            "",
            "</div></details>",
            "",
        ]
    return "\n".join(parts)


@remembered
def _sources(text: str) -> dict[str, str]:
    """Source of each test function, decorators included."""
    lines = text.splitlines()
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(lines[start - 1 : node.end_lineno])
    return found


def _sentence(text: str | None, lang: str) -> list[str]:
    """The sentence that a test proves, in the words of the page."""
    if text is None:
        return []
    plain = CITATION.sub("", text)
    return [chinese.joined(plain) if lang == "zh" else plain, ""]
