"""The comparison behind ``make canary``: what differs is found and named, what is listed passes, what is gone does not.

No generator runs here; `make canary` runs them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.problems import ROOT, BuildError
from scripts.render import mkdocs
from scripts.tools import canary
from scripts.tools.canary import Difference, Known, compare, facts, judge, table

CONFIGS = ("mkdocs.yml", "mkdocs.zh.yml")
PAGE = """<!doctype html><html><head>
<link rel="stylesheet" href="{css}"><link rel="next" href="{up}b.html">
</head><body><a class="md-skip" href="#a">Skip to content</a>
<nav><a href="{up}index.html">Home</a><a href="{up}index.html">Logo</a></nav>
<article><h1 id="a">A <em>title</em><a class="headerlink" href="#a">¶</a></h1>
<p><a href="https://example.org/x?q=[1]">paper</a> and <a href="{up}b.html#place">place</a></p>
<h2 id="use-it-when">何时使用</h2></article></body></html>"""


def plant(folder: Path, css: str, up: str) -> Path:
    for name, prefix in (("index.html", up), ("b.html", up), ("zh/index.html", "../")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE.format(css=css, up=prefix), encoding="utf-8")
    return folder


@pytest.fixture
def sites(tmp_path: Path) -> tuple[Path, Path]:
    """The same pages, as two themes write them."""
    return plant(tmp_path / "ours", "old.css", ""), plant(tmp_path / "theirs", "new.css", "./")


def edit(site: Path, old: str, new: str, page: str = "b.html") -> None:
    text = (site / page).read_text(encoding="utf-8")
    assert old in text
    (site / page).write_text(text.replace(old, new), encoding="utf-8")


def test_chinese_configuration_replaces_no_list():
    """Zensical joins a list with the one that it inherits, where MkDocs replaces it."""

    def lists(value: Any, place: str = "") -> set[str]:
        inner = [lists(part, f"{place}.{key}") for key, part in value.items()] if isinstance(value, dict) else []
        return {place} if isinstance(value, list) else set().union(*inner)

    configurations = [yaml.safe_load(re.sub("!!?[A-Za-z][^ ]*", "", (ROOT / name).read_text())) for name in CONFIGS]
    english, chinese = map(lists, configurations)
    assert english  # the look reaches lists at all
    assert not english & chinese


def test_same_pages_in_another_theme(sites):
    assert list(compare(*sites)) == []


def test_facts_of_a_page():
    assert dict(facts("zh/b.html", PAGE.format(css="x.css", up="../"))) == {
        "heading h1 #a A title": 1,
        "heading h2 #use-it-when 何时使用": 1,
        "link https://example.org/x?q=[1]": 1,
        "link b.html#place": 1,
        "around index.html": 1,
        "head next b.html": 1,
    }


def test_page(sites):
    (sites[1] / "zh" / "index.html").unlink()
    assert list(compare(*sites)) == [Difference("missing", "page", "zh/index.html")]
    assert list(compare(*reversed(sites))) == [Difference("added", "page", "zh/index.html")]


@pytest.mark.parametrize(
    ("old", "new", "missing", "added"),
    [
        ('<h2 id="use-it-when">何时使用</h2>', "", "heading h2 #use-it-when 何时使用", None),
        ("何时使用", "何时用", "heading h2 #use-it-when 何时使用", "heading h2 #use-it-when 何时用"),
        ("use-it-when", "_1", "heading h2 #use-it-when 何时使用", "heading h2 #_1 何时使用"),
        ("h2", "h3", "heading h2 #use-it-when 何时使用", "heading h3 #use-it-when 何时使用"),
        ('<a href="./b.html#place">place</a>', "place", "link b.html#place", None),
        ("#place", "", "link b.html#place", "link b.html"),
        ("https://example.org/x?q=[1]", "/", "link https://example.org/x?q=[1]", "link /"),
        ('<a href="./index.html">Home</a><a href="./index.html">Logo</a>', "", "around index.html", None),
        ('rel="next"', 'rel="prefetch"', "head next b.html", None),
    ],
)
def test_heading_or_link(sites, old, new, missing, added):
    edit(sites[1], old, new)
    wanted = [Difference("missing", missing, "b.html")]
    wanted += [Difference("added", added, "b.html")] if added else []
    assert list(compare(*sites)) == wanted


def test_a_link_that_stood_twice(sites):
    edit(sites[0], "</p>", '<a href="b.html#place">again</a></p>')
    assert list(compare(*sites)) == [Difference("missing", "link b.html#place", "b.html")]


def entry(**changes: str) -> Known:
    fields = {"generator": "g", "change": "missing", "what": "link b.html*", "page": "*.html", "why": "It says so."}
    return Known(**fields | changes)


def test_listed_difference_is_accepted(sites):
    edit(sites[1], "#place", "#other")
    edit(sites[1], "#place", "#other", "index.html")
    listed = [entry(), entry(change="added")]
    unlisted, counts, gone = judge(compare(*sites), listed)
    assert (unlisted, gone) == ([], [])
    assert list(counts.values()) == [2, 2]
    assert "2 times" in table(unlisted, counts)
    assert "It says so." in table(unlisted, counts)


@pytest.mark.parametrize(
    "changes", [{"change": "added"}, {"what": "link c.html"}, {"what": "link b.htm?*"}, {"page": "zh/*"}]
)
def test_listed_difference_covers_no_other(sites, changes):
    edit(sites[1], "#place", "")
    unlisted, _, gone = judge(compare(*sites), [entry(**changes)])
    assert Difference("missing", "link b.html#place", "b.html") in unlisted
    assert bool(gone) == (changes != {"change": "added"})


def test_patterns_take_addresses_literally():
    address = "link https://example.org/x?q=[1]"
    assert entry(what=address).covers(Difference("missing", address, "b.html"))
    assert not entry(what=address).covers(Difference("missing", address.replace("?q=[1]", "!q=1"), "b.html"))


def test_stale_listed_difference_is_refused(sites):
    stale = entry(what="link gone.html")
    unlisted, counts, gone = judge(compare(*sites), [stale])
    assert (unlisted, gone) == ([], [stale])
    assert "GONE" in table(unlisted, counts)


def test_table_names_what_is_not_listed():
    found = [Difference("missing", f"link {i}.html", page) for i in range(60) for page in ("a.html", "b.html")]
    text = table(found, {}, 40)
    assert "NOT LISTED  missing link 0.html\n              on a.html and 1 more" in text
    assert "and 20 more" in text.splitlines()[-1]
    assert "link 59.html" in table(found, {}, None)


def plant_guide(root: Path, data: dict[str, Any]) -> None:
    (root / "build" / "stage" / "en").mkdir(parents=True)
    (root / "build" / "stage" / "en" / "mkdocs.yml").write_text("")
    (root / "scripts" / "tools").mkdir(parents=True)
    (root / canary.LIST).write_text(yaml.safe_dump(data))
    (root / "requirements.lock").write_text("")


@pytest.mark.parametrize(
    ("page", "what", "listed", "code", "said"),
    [
        ("b.html", "", [], 1, "NOT LISTED  missing link b.html#place"),
        ("b.html", "", [{"what": "link b.html#place", "page": "b.html"}], 0, "1 times"),
        ("none", "", [{"what": "link b.html#place", "page": "b.html"}], 1, "GONE"),
        ("none", "", [], 0, "no difference"),
        ("b.html", 'href="absent.html"', [], 1, "NOT LISTED  broken  dead link to absent.html"),
    ],
)
def test_exit_code(tmp_path, monkeypatch, capsys, page, what, listed, code, said):
    """The whole run, with fixture sites in place of what the generators render."""
    why = {"generator": "other", "change": "missing", "why": "Because."}
    packages = {"packages": ["other==1"], "command": ["other", "build"]}
    plant_guide(tmp_path, {"generators": {"other": packages}, "differences": [why | item for item in listed]})

    def built(root: Path, out: Path, command: list[str]) -> None:
        plant(out, "", "")
        edit(out, "<p>", '<p id="place">')
        if command != mkdocs.GENERATOR and (out / page).exists():
            edit(out, 'href="b.html#place"', what or 'name="place"')

    monkeypatch.setattr(canary, "build", built)
    monkeypatch.setattr(canary, "environment", lambda folder, packages, constraint: folder)
    monkeypatch.setattr(subprocess, "check_output", lambda *_, **__: "Version: 1\n")
    assert canary.main([], tmp_path) == code
    assert said in capsys.readouterr().out


def test_generator_that_fails(tmp_path, monkeypatch, capsys):
    plant_guide(tmp_path, {"generators": {"other": {"packages": ["other==1"], "command": ["x"]}}, "differences": []})

    def built(root: Path, out: Path, command: list[str]) -> None:
        if command != mkdocs.GENERATOR:
            raise BuildError([])

    monkeypatch.setattr(canary, "build", built)
    monkeypatch.setattr(canary, "environment", lambda folder, packages, constraint: folder)
    monkeypatch.setattr(subprocess, "check_output", lambda *_, **__: "Version: 1\n")
    assert canary.main([], tmp_path) == 1
    assert "Differs from MkDocs: other" in capsys.readouterr().out


def test_without_a_stage(tmp_path, capsys):
    assert canary.main([], tmp_path) == 1
    assert "make clean site" in capsys.readouterr().err


@pytest.mark.parametrize("changes", [{"generator": "nobody"}, {"why": " "}])
def test_list_refuses(changes):
    fields = {"generator": "g", "change": "added", "what": "page", "page": "x.html", "why": "y"} | changes
    with pytest.raises(ValueError, match="name a generator of the list, and a reason"):
        canary.known({"generators": {"g": {}}, "differences": [fields]}, "g")


def test_the_repositorys_list():
    data = yaml.safe_load((ROOT / canary.LIST).read_text(encoding="utf-8"))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert set(data["generators"]) == {"properdocs", "zensical"}
    for name, generator in data["generators"].items():
        canary.known(data, name)
        for package in generator["packages"]:
            assert "==" in package or f"\n{package}==" in lock, f"{name}: no exact version of {package}"
