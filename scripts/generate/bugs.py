"""All planted bugs: a table for readers, and data for programs."""

from __future__ import annotations

import json
import re

from scripts.generate import addresses, html
from scripts.generate.addresses import page_url
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.sources import causes
from scripts.sources.causes import Cause
from scripts.sources.pages import LANGUAGES, Entry
from scripts.sources.snippets import Snippet

HOST = re.compile(r"https://(?:www\.)?([^/]+)/(.+?)/?$")
NOT_ASKED = ("not asked", "called otherwise")  # what the tests record of a bug that checkup leaves out
NUMBERED = re.compile(r"([\w.-]+/[\w.-]+)/(?:issues|pull|discussions)/(\d+)")


def finding(site: Site, entry: Entry, cause: Cause) -> str:
    """What the check said of the broken program; empty where the test has not run."""
    return _said(site, entry, cause, "finds", "")


def _said(site: Site, entry: Entry, cause: Cause, what: str, missing: str) -> str:
    """What the test of a cause recorded under a name."""
    file = site.claims.get(entry.test)
    name = f"{causes.TEST}[{cause.id}]"
    return (
        next((case.said.get(what, missing) for case in file.cases if case.name == name), missing) if file else missing
    )


def log(site: Site, snippet: Snippet) -> str:
    """What a program printed, as the verifier saw it."""
    result = site.report.first(snippet.path)
    return result.output.rstrip() if result else ""


def heading(entry: Entry, cause: Cause, lang: str) -> str:
    """What a cause is called on its page."""
    return next(mark.text for mark in entry.pages[lang].of("heading") if mark.target == cause.id)


def spoken(entry: Entry, cause: Cause, lang: str) -> str:
    """The same without the signs of code, for data and attributes."""
    return heading(entry, cause, lang).replace("`", "")


def place(address: str) -> str:
    """A public report's address as readers know it: ``pytorch/pytorch #31771``."""
    host, path = HOST.findall(address)[0] if HOST.match(address) else (address, "")
    if host == "github.com" and (found := NUMBERED.match(path)):
        return f"{found[1]} #{found[2]}"
    return (
        f"{host}: {path.rpartition('/')[2]}" if host != "stackoverflow.com" else f"Stack Overflow {path.split('/')[1]}"
    )


def every(site: Site, lang: str) -> str:
    """HTML table of all planted bugs, grouped by symptom."""
    groups, root = [], addresses.site_root("", lang)
    for entry in filter(causes.is_symptom, site.catalog.techniques):
        rows = []
        for cause in causes.of(entry):
            files = " ".join(
                html.link(f"{root}bugs/{cause.name}/{role}.py", f"{role}.py", download=f"{role}.py")
                for role in ("broken", "fixed")
            )
            name = html.link(f"{addresses.entry_href(entry, '')}#{cause.id}", html.inline(heading(entry, cause, lang)))
            seen = html.link(cause.report, html.text(place(cause.report)), rel="noopener") if cause.report else "–"
            rows.append([name, html.code(cause.check), html.text(finding(site, entry, cause)), files, seen])
        groups.append((entry.title(lang), rows))
    head = [word(key, lang) for key in ("cause", "check", "check_finds", "programs", "happened")]
    return html.grouped_table(head, groups, class_="bugs")


def checkups(site: Site, entry: Entry, lang: str) -> str:
    """HTML table: what ``checkup`` says of every planted bug, as their tests recorded it; and the counts."""
    pages = list(filter(causes.is_symptom, site.catalog.techniques))
    says = {
        cause.name: _said(site, page, cause, "checkup", NOT_ASKED[0]) for page in pages for cause in causes.of(page)
    }
    asked = {name: text for name, text in says.items() if text not in NOT_ASKED}
    groups = []
    for page in pages:
        rows = []
        for cause in causes.of(page):
            if cause.name in asked:
                address = f"{addresses.entry_href(page, entry.section)}#{cause.id}"
                name = html.link(address, html.inline(heading(page, cause, lang)))
                rows.append([name, html.text(asked[cause.name] or "–")])
        if rows:
            groups.append((page.title(lang), rows))
    numbers = (len(says), len(asked), sum(map(bool, asked.values())), list(says.values()).count(NOT_ASKED[1]))
    counts = f"<p>{word('checkup_counts', lang).format(*numbers)}</p>\n"
    return counts + html.grouped_table([word("cause", lang), word("checkup_says", lang)], groups, class_="checkups")


def bugs_json(site: Site) -> str:
    """All planted bugs; ``bugs.schema.json`` describes their fields."""
    found = []
    for entry in filter(causes.is_symptom, site.catalog.techniques):
        for cause in causes.of(entry):
            url, url_zh = (f"{page_url(entry, lang)}#{cause.id}" for lang in LANGUAGES)
            programs = {role: causes.program(entry, cause, role) for role in ("broken", "fixed")}
            logs = {role: log(site, program) for role, program in programs.items() if program}
            found.append(
                {
                    "id": cause.name,
                    "symptom": entry.title("en"),
                    "symptom_zh": entry.title("zh"),
                    "cause": spoken(entry, cause, "en"),
                    "cause_zh": spoken(entry, cause, "zh"),
                    "url": url,
                    "url_zh": url_zh,
                    "broken": f"bugs/{cause.name}/broken.py",
                    "fixed": f"bugs/{cause.name}/fixed.py",
                    "log_broken": logs.get("broken", ""),
                    "log_fixed": logs.get("fixed", ""),
                    "check": cause.check,
                    "check_finds": finding(site, entry, cause),
                    "silent_on": cause.unlike,
                    "report": cause.report or None,
                }
            )
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
