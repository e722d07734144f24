"""What is dropped from stylesheets, and what must not be."""

from __future__ import annotations

import pytest

from scripts.publish import unused_styles as unused

PAGE = """<html lang="en" class="no-js"><body data-md-color-scheme="default">
<p class="md-typeset katex" id="here" style="color: var(--named)">x</p>
<script>document.body.classList.add("opened")</script></body></html>"""
SCRIPT = 'node.className = "made-by-script"; style.getPropertyValue("--asked"); `${a} part-${b}`'
WORDS = unused.words_of([unused.page_words(PAGE.encode())], [SCRIPT])


@pytest.mark.parametrize(
    "rule",
    [
        "p{color:red}",
        ".md-typeset p:not(.nowhere){color:red}",
        ".katex:is(.nowhere,.other){color:red}",
        "#here,.opened{color:red}",
        '.made-by-script::before{content:"}.nowhere{"}',
        ".part-3{color:red}",
        "[data-md-color-scheme=default] p{color:red}",
        "a[href^='https:']{color:red}",
        "@media print{.katex{color:red}\n}",
        "@font-face{font-family:nowhere;src:url(a.woff2)}",
        "@keyframes nowhere{0%{top:0}to{top:1px}}",
        "p{background:url(data:image/svg+xml;charset=utf-8,a)}",
        "p{--asked:1}",
        "p{--named:1}",
    ],
)
def test_kept(rule):
    assert unused.drop(rule, WORDS).strip() == rule


@pytest.mark.parametrize(
    "rule",
    [
        ".nowhere{color:red}",
        "p .nowhere:hover{color:red}",
        "#nowhere{color:red}",
        ".parts{color:red}",
        "[dir=rtl] p{color:red}",
        "[data-md-color-primary=indigo]{color:red}",
        "@media print{.nowhere{color:red}}",
        "p{--nowhere:1}",
        "p{--only-by-the-next:1}.md-typeset{--nowhere:var(--only-by-the-next)}",
        "/* a comment */",
    ],
)
def test_dropped(rule):
    assert unused.drop(rule, WORDS).strip() == ""


def test_only_what_is_dead_goes():
    css = ".nowhere,.katex > .opened{--a:1;--b:2;color:var(--b)}/* no */.nowhere a{}"
    assert unused.drop(css, WORDS) == ".katex > .opened{--b:2;color:var(--b)}\n"
