"""What runs in a reader's browser is the theme's, whatever a page holds."""

from __future__ import annotations

import lxml.html
import pytest

from scripts.problems import BuildError
from scripts.publish import check, policy
from scripts.publish.finish import finish

PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>x</title>
<script>document.documentElement.classList.replace("no-js", "js")</script></head>
<body>HELD</body></html>
"""
OURS = '<script>document.documentElement.classList.replace("no-js", "js")</script>'


def test_scripts_of_the_theme_are_known_and_no_others():
    known = policy.theme_scripts()
    assert len(policy.inline_scripts(PAGE, known)) == 1
    scope = next(pattern.pattern for pattern in known if pattern.pattern.startswith("__md_scope"))
    assert policy.ADDRESS in scope
    for held in ("<script>alert(1)</script>", "<SCRIPT >alert(1)</SCRIPT>", OURS.replace("js", "alert(1)")):
        page = PAGE.replace("HELD", held)
        assert policy.inline_scripts(page, known) == policy.inline_scripts(PAGE, known)
        (problem,) = policy.strangers(page, "a.html", known)
        assert (problem.path, problem.line) == ("a.html", 4)


def test_an_address_that_a_template_fills_in_cannot_become_a_script():
    known = policy.theme_scripts()
    pattern = next(pattern for pattern in known if pattern.pattern.startswith("__md_scope"))
    script = pattern.pattern.replace(policy.ADDRESS, "..").replace("\\", "")
    assert pattern.fullmatch(script)
    assert not pattern.fullmatch(script.replace('"..",', '"..");alert(1);new URL("..",'))


def test_page_with_a_script_of_its_own_is_not_published(tmp_path):
    (tmp_path / "out" / "assets" / "katex" / "fonts").mkdir(parents=True)
    (tmp_path / "out" / "a.html").write_text(PAGE.replace("HELD", "<script>alert(1)</script>"), encoding="utf-8")
    with pytest.raises(BuildError, match=r"a\.html:4: the page holds a script"):
        finish(tmp_path / "out", tmp_path / "cache")


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ('<img src="x.png" alt="" onerror="alert(1)">', "a handler, onerror"),
        ('<a href="javascript:alert(1)">x</a>', "an address of the kind javascript:"),
        ('<a href=" java\nscript:alert(1)">x</a>', "an address of the kind javascript:"),
        ('<svg><a xlink:href="javascript:alert(1)"></a></svg>', "an address of the kind javascript:"),
        ('<iframe src="x.html"></iframe>', "<iframe>"),
        ("<style>header {display: none}</style>", "<style>"),
        ("<svg><foreignObject></foreignObject></svg>", "<foreignobject>"),
    ],
)
def test_page_that_acts_is_refused(held, words):
    page = PAGE.replace("HELD", held).encode()
    messages = [problem.message for problem in check.read("a.html", page).problems]
    assert any(words in message for message in messages), messages


def test_page_that_only_shows_is_not_refused():
    page = PAGE.replace("HELD", '<a href="https://a.example">x</a>').encode()
    assert check.read("a.html", page).problems == ()
    assert lxml.html.fromstring(PAGE).find("body").text == "HELD"
