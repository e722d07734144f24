"""A Python-Markdown extension: ``$x$`` and ``$$x$$`` become HTML and MathML while the site is built, by KaTeX.

No script reaches the reader, and a formula that KaTeX rejects stops the build.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import quickjs
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

from scripts.memory import remembered

# A formula in display style, and one in the line: "$5 and $6" is none.
DISPLAY = r"(?<![\\$])\$\$(?P<display>(?:\\.|[^$\\])+?)\$\$"
INLINE = r"(?<![\\$])\$(?![\s$])(?P<inline>(?:\\.|[^$\\])+?)(?<!\s)\$(?![\d$])"

# Signs that must not begin a line; browsers break between a formula and what follows. A formula of several parts may
# break within, and is left alone.
CLOSING = re.compile(r"[,.;:!?)，。；：！？、）]+")
# The mark of a claim that ends in a formula: no line begins with it. A formula that is too long for one line may break.
CLAIM_MARK = re.compile(r'<a [^<>]*class="claim-mark"[^<>]*>✓</a>')
SHORT = 30  # characters of TeX
KATEX = Path(__file__).resolve().parent / "vendor" / "katex" / "katex.min.js"


class FormulaError(ValueError):
    """KaTeX cannot read a formula; the message is KaTeX's own."""


@cache
def _katex() -> quickjs.Context:
    context = quickjs.Context()
    context.eval("var self = this, window = undefined;")
    context.eval(KATEX.read_text(encoding="utf-8"))
    context.eval(
        "function render(tex, display) { try { return 'ok' + katex.renderToString(tex, "
        "{displayMode: display, output: 'htmlAndMathml', throwOnError: true, strict: 'error', trust: false}); }"
        " catch (error) { return 'no' + error.message; } }"
    )
    return context


@remembered
def render(tex: str, display: bool = False) -> str:
    """HTML and MathML of a formula.

    Raises:
        FormulaError: when KaTeX rejects it.
    """
    result = str(_katex().get("render")(tex, display))
    if result[:2] != "ok":
        raise FormulaError(result[2:])
    return result[2:]


class _Formula(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:
        display = "display" in m.groupdict()
        tex = m["display"] if display else m["inline"]
        html, end = render(tex.strip(), display), m.end(0)
        whole = html.count('class="katex-base"') == 1
        sign = CLOSING.match(data, end) if whole else None
        if whole or len(tex) <= SHORT:
            sign = sign or CLAIM_MARK.match(data, end)
        if sign and not display:
            html, end = f'<span class="unbroken">{html}{sign.group()}</span>', sign.end()
        return self.md.htmlStash.store(html), m.start(0), end


class MathExtension(Extension):
    """Registers the formulas, after code and before everything else that inline text may hold."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.ESCAPED_CHARS.append("$")
        md.inlinePatterns.register(_Formula(DISPLAY, md), "display-formula", 189)
        md.inlinePatterns.register(_Formula(INLINE, md), "inline-formula", 188)


def makeExtension(**options: object) -> MathExtension:
    """Entry point for Python-Markdown."""
    return MathExtension(**options)
