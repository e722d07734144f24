"""The line of facts under an entry's title, and what stands at its foot."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from scripts import claims
from scripts.catalog import Catalog, Entry
from scripts.generate import html, report
from scripts.generate.code import fence
from scripts.generate.words import word


def facts(catalog: Catalog, verification: dict[str, Any], entry: Entry, lang: str) -> str:
    """HTML of the fact line: papers with original and archive, torch names, what it was verified on."""
    rows = []
    year = entry.en.meta.get("year")
    comma = "，" if lang == "zh" else ", "
    for place, key in enumerate(entry.facts("papers")):
        paper = catalog.papers[key]
        lead = f"<strong>{year}</strong> · " if year and place == 0 else ""
        original = html.link(paper.url, word("original", lang), rel="noopener")
        archive = html.link(paper.archive, word("archive", lang), rel="noopener")
        cite = html.link(f"{html.up(entry.section)}papers.html#{key}", html.text(paper.short(lang)), class_="cite")
        rows.append(
            (word("paper", lang), f"{lead}{cite}{comma}<cite>{html.text(paper.title)}</cite> [{original}] [{archive}]")
        )
    if year and not entry.facts("papers"):
        rows.append((word("year", lang), f"<strong>{year}</strong>"))
    names = entry.facts("torch")
    to_torch = f"{html.up(entry.section)}torch.html"
    api = " · ".join(html.link(f"{to_torch}#{name}", html.code(name)) for name in names)
    if api or "concepts" not in entry.facts("tags"):  # a page about choices has no code that torch lacks
        rows.append((word("api", lang), api or word("no_api", lang)))
    tags = [
        html.link(f"{html.up(entry.section)}tags.html#{tag['id']}", html.text(tag[lang]))
        for tag in catalog.tags
        if tag["id"] in entry.facts("tags")
    ]
    if tags:
        rows.append((word("tags", lang), " · ".join(tags)))
    results = [r for snippet in entry.snippets for r in report.passed(verification, snippet)]
    if results:
        proved = list(dict.fromkeys(report.proof(verification, result) for result in results))
        more = f" (+{len(proved) - 1})" if len(proved) > 1 else ""
        mark = html.link("#verified", f"✓ {html.text(proved[0])}{more}", class_="proof")
        rows.append((word("verified_on", lang), mark))
    lines = "\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f'<dl class="facts">\n{lines}\n</dl>\n'


def foot(catalog: Catalog, verification: dict[str, Any], results: dict[str, Any], entry: Entry, lang: str) -> str:
    """Markdown of what every technique's page ends with: related entries, symptoms, proofs."""
    parts = []
    related = [catalog.by_id[other] for other in entry.facts("related") if other in catalog.by_id]
    # Relations hold both ways, however few of the two pages say so.
    related += [e for e in catalog.related_to.get(entry.id, []) if e not in related]
    if related:
        parts += [f"## {word('related', lang)} {{#related}}", "", '<ul class="related">']
        parts += [html.entry_item(e, entry.section, lang) for e in related]
        parts += ["</ul>", ""]
    leading = catalog.symptoms_of.get(entry.id, [])
    if leading:
        items = "\n".join(f"<li>{html.text(_symptom(symptom, lang))}</li>" for symptom in leading)
        parts += [f"**{word('symptoms', lang)}**", "", f'<ul class="symptoms">\n{items}\n</ul>', ""]
    return "\n".join(parts) + "\n" + proofs(catalog, verification, results, entry, lang)


def _symptom(symptom: dict[str, Any], lang: str) -> str:
    return str(symptom["symptom_zh" if lang == "zh" else "symptom"])


def proofs(catalog: Catalog, verification: dict[str, Any], results: dict[str, Any], entry: Entry, lang: str) -> str:
    """Markdown of "How this was verified": each run of each snippet, and each claim's test with its source."""
    if not entry.snippets and entry.test not in catalog.tests:
        return ""
    parts = [f"## {word('how_verified', lang)} {{#verified}}", "", word("how_verified_text", lang), ""]
    rows = [
        [
            html.link(f"#code-{snippet.rpartition('/')[2].removesuffix('.py').replace('_', '-')}", html.code(snippet)),
            html.text(f"torch {report.torch_of(verification, r)}, Python {r.get('python') or verification['python']}"),
            html.text(report.device_of(r)),
            word("passed", lang),
            html.text(report.day_of(verification, r)),
            f"{r['seconds']:.2f}",
        ]
        for snippet in entry.snippets
        for r in report.passed(verification, snippet)
    ]
    if rows:
        head = [word(key, lang) for key in ("snippet", "verified", "device", "result", "date", "seconds")]
        parts += [html.table(head, rows, class_="runs"), ""]
        devices = {r["device"] for snippet in entry.snippets for r in report.passed(verification, snippet)}
        if "cuda" not in devices:
            parts += [word("not_run_cuda", lang), ""]
    if entry.test in catalog.tests:
        parts.append(_tests(catalog, results, entry, lang))
    return "\n".join(parts)


def _tests(catalog: Catalog, results: dict[str, Any], entry: Entry, lang: str) -> str:
    claimed = {mark.target for mark in entry.en.of("claim")}
    sources = _sources((catalog.root / entry.test).read_text(encoding="utf-8"))
    parts = [f"**{word('claim_test', lang)}** ({html.code(entry.test)})", "{: #claims-and-tests }", ""]
    for name in sorted(
        catalog.tests[entry.test], key=lambda n: (n.removeprefix("test_") not in claimed, catalog.tests[entry.test][n])
    ):
        claim = name.removeprefix("test_")
        result = claims.result_of(results, entry.test, claim)
        if result is None:
            continue
        cases = f" · {result['cases']} {word('cases', lang)}" if result["cases"] > 1 else ""
        when = f"torch {results[entry.test]['torch'].split('+')[0]} · {results[entry.test]['when'][:10]}"
        label = f"{html.code(name)} · {word('passed', lang)}{cases} · {result['seconds']:.2f} s · {html.text(when)}"
        parts += [
            f'<details class="proof" markdown><summary>{label}</summary>',
            f'<div id="proof-{claim}" markdown>',
            "",
            fence(sources[name], " { .python }"),
            "",
            "</div></details>",
            "",
        ]
    return "\n".join(parts)


@cache
def _sources(text: str) -> dict[str, str]:
    """Source of each test function, decorators included."""
    lines = text.splitlines()
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(lines[start - 1 : node.end_lineno])
    return found
