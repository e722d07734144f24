"""What each check of a symptom's page says of the page's other bugs and of their cures, as the tests recorded it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scripts.generate import html
from scripts.generate.bugs import spoken
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.sources import causes
from scripts.sources.causes import Cause
from scripts.sources.pages import Entry

ANSWERS = ("speaks", "silent", "not asked")  # what tests/support/planted.py records; else the name of an error
SIGNS = {"speaks": "●", "silent": "·", "not asked": "–"}
ERROR = "✕"


def table(site: Site, entry: Entry, lang: str) -> str:
    """HTML table of a page's checks over its bugs, by number; the last column counts alarms on cures."""
    every = causes.of(entry)
    head = [word("check", lang)]
    head += [html.link(f"#{cause.id}", str(n), title=spoken(entry, cause, lang)) for n, cause in enumerate(every, 1)]
    rows = []
    for cause in every:
        said = _said(site, entry, cause)
        row = [html.code(cause.check)]
        for other in every:
            answer = "speaks" if other is cause else said.get(f"broken {other.id}", "not asked")
            sign = SIGNS.get(answer, ERROR)
            row.append(
                f"<strong>{sign}</strong>" if other is cause else f'<span title="{html.attr(answer)}">{sign}</span>'
            )
        cures = Counter(answer for name, answer in said.items() if name.startswith("fixed "))
        alarms, asked = cures["speaks"], 1 + cures["speaks"] + cures["silent"]  # its own cure is proved to be silent
        rows.append([*row, word("of", lang).format(alarms, asked)])
    made = html.table([*head, word("cures", lang)], rows, class_="crossed")
    return f"{made}\n<p><small>{word('crossed', lang)}</small></p>\n"


def counts(site: Site, lang: str) -> str:
    """HTML: how often the checks spoke of another bug of their page or of a cure, and could not be asked."""
    found: Counter[str] = Counter()
    for entry in filter(causes.is_symptom, site.catalog.techniques):
        for cause in causes.of(entry):
            for name, answer in _said(site, entry, cause).items():
                role = name.partition(" ")[0]
                found[f"{role} {answer if answer in ANSWERS else 'error'}"] += 1
            found["own"] += 1
    broken, fixed = ([found[f"{role} {answer}"] for answer in ANSWERS[:2]] for role in ("broken", "fixed"))
    errors = sum(found[f"{role} error"] for role in ("broken", "fixed"))
    unasked = sum(found[f"{role} not asked"] for role in ("broken", "fixed"))
    numbers = (found["own"], sum(broken), broken[0], sum(fixed) + found["own"], fixed[0], unasked, errors)
    return f"<p>{word('crossed_counts', lang).format(*numbers)}</p>\n"


def _said(site: Site, entry: Entry, cause: Cause) -> dict[str, str]:
    """``broken other`` and ``fixed other`` -> what became of the check there."""
    file = site.claims.get(entry.test)
    cases = file.cases if file else ()
    said = next((case.said for case in cases if case.name == f"{causes.TEST}[{cause.id}]"), {})
    return dict(_of_others(said))


def _of_others(said: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, answer in said.items():
        if name.partition(" ")[0] in ("broken", "fixed"):
            yield name, answer
