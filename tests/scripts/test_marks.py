"""Marks are found where they stand, and nowhere else."""

from __future__ import annotations

import re

import pytest

from scripts import formulas
from scripts.generate.snippets import fence
from scripts.sources import marks
from tests.scripts import rendered


def kinds(body: str) -> list[tuple[str, str]]:
    return [(mark.kind, mark.target) for mark in marks.marks(body)]


@pytest.mark.parametrize(
    "body",
    [
        "`[x](claim:y)`",
        "```\n[x](claim:y)\n[@key]\n# no heading\n```",
        "``a ` [@key]``",
        "~~~python\n$x$\n~~~",
        r"\$x and y\$",
    ],
)
def test_code_and_escapes_hold_no_marks(body):
    assert kinds(body) == []


# Fences in every place that a page may have them, and what is shown in each.
FENCES = [
    ("```\n[x](claim:y)\n```", ["[x](claim:y)"]),
    ("~~~~\n~~~\n[@key]\n~~~~", ["~~~\n[@key]"]),
    ("````python\n```\n# no heading\n```\n````", ["```\n# no heading\n```"]),
    ('~~~python title="a"\n$x$\n~~~', ["$x$"]),
    ("- a\n\n    ```\n    [x](claim:y)\n\n      z\n    ```\n\n- b\n\n    - c\n\n        ~~~\n        $x$\n        ~~~",
     ["[x](claim:y)\n\n  z", "$x$"]),
    ('<details markdown>\n<summary>s</summary>\n\n```\n</details>\n```\n\n</details>', ["</details>"]),
    ('??? note "n"\n\n    ```\n    - [ ] x\n    ```', ["- [ ] x"]),
    ("```\n> a\n```", ["> a"]),
    ("```\n```", [""]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "held"), FENCES)
def test_fences_are_what_the_renderer_takes_for_fences(body, held):
    found = list(marks.fences(body))
    assert not any(fence.problem for fence in found)
    shown = [pre.text_content().strip("\n") for pre in rendered.page(body).xpath("//pre")]
    assert shown == held
    assert len(found) == len(shown)
    assert kinds(body) == []


@pytest.mark.parametrize(
    "body", ["```\na", "```\na\n~~~", "```\na\n````", "- a\n\n    ```\n  a\n    ```", "```a b c\nx\n```"]
)
def test_fences_that_the_renderer_would_not_take_are_none(body):
    assert next(iter(marks.fences(body))).problem
    assert not rendered.page(body).xpath("//pre")


@pytest.mark.xfail(
    "pymdownx.snippets" in rendered.configuration(),
    reason="pymdownx.snippets draws pieces into code, too; it goes when pages are staged with their pieces in them",
    strict=True,
)
def test_line_that_was_printed_is_no_mark_of_pages():
    """Output and code that look like a piece of a page are shown as they are."""
    page = rendered.page(fence('--8<-- "facts/double.md"\n[@doe2020paper]', " { .text }"))
    assert page.xpath("string(//pre)") == '--8<-- "facts/double.md"\n[@doe2020paper]\n'


def test_marks_with_their_lines():
    body = (
        'a\n\n--8<-- "code/x.md"\n\n[b\nc [0, 1] d](claim:bounded) [@a2020b; @c2021d]\n\n![alt](figure:x.svg "Cap.")\n'
    )
    found = [(mark.kind, mark.target, mark.line) for mark in marks.marks(body, first_line=10)]
    assert found == [
        ("include", "code/x.md", 12),
        ("claim", "bounded", 14),
        ("cite", "@a2020b; @c2021d", 15),
        ("embed", "x.svg", 17),
    ]


def test_a_formula_may_hold_half_open_brackets_inside_a_claim():
    claim, formula = marks.marks("[in $[0, 1)$ always](claim:half_open)")
    assert (claim.kind, claim.text, formula.target) == ("claim", "in $[0, 1)$ always", "[0, 1)")


def test_prices_are_no_formulas():
    assert kinds("from $5 to $6 and $ x $") == []


def test_inner_marks_are_replaced_within_outer_ones():
    body = "x [says [@a2020b] so](claim:y) z"
    rendered = marks.replace(body, marks.marks(body), lambda m: f"<{m.text}>" if m.kind == "claim" else f"({m.target})")
    assert rendered == "x <says (@a2020b) so> z"


def test_headings_have_the_anchor_of_the_renderer():
    import markdown

    for text in ("Use it when", "`eps` and *more*: a/b", "Why a=sqrt(5)?", "1/sqrt(2N) scaling"):
        html = markdown.markdown(f"## {text}", extensions=["toc"])
        (heading,) = marks.marks(f"## {text}")
        assert f'id="{heading.target}"' in html


def test_formula_is_html_and_mathml_and_copies_as_tex():
    html = formulas.render(r"\frac{a}{b}")
    assert "<math" in html
    assert '<annotation encoding="application/x-tex">\\frac{a}{b}</annotation>' in html


def test_katex_refuses_what_it_cannot_read():
    with pytest.raises(formulas.FormulaError, match="frac"):
        formulas.render(r"\frac{a}{")


def test_markdown_leaves_formulas_alone():
    import markdown

    html = markdown.markdown("_a_ $x_i * y_i * z$ _b_, $5, `$x$`", extensions=["scripts.formulas"])
    assert html.count('class="katex"') == 1
    assert html.count("<em>") == 2
    assert "$5" in html
    assert "<code>$x$</code>" in html


def test_chinese_lines_are_joined_without_a_gap():
    from scripts.generate.chinese import joined

    assert joined("方差不动，\n信号也不动") == "方差不动，信号也不动"
    assert joined("- 一项\n  接着写\n- 二项") == "- 一项接着写\n- 二项"
    assert joined("用 torch\n实现") == "用 torch\n实现"
    assert joined("慢。\n[收敛](sgd.md)，\n**更慢**\n而且") == "慢。[收敛](sgd.md)，**更慢**而且"
    assert joined("见 [Adam](adam.md)\n一节") == "见 [Adam](adam.md)\n一节"
    assert joined('论文 （<a href="x">何，2015</a>） 指出') == '论文（<a href="x">何，2015</a>）指出'
    for kept in ("## 标题\n正文", "| 表 |\n| 格 |", "一段\n\n二段", "```\n甲\n乙\n```"):
        assert joined(kept) == kept


def test_a_sign_after_a_short_formula_stays_with_it():
    import markdown

    def shown(text: str) -> str:
        return markdown.markdown(text, extensions=["scripts.formulas"])

    assert "</span>，</span>其中" in shown("取 $x_i$，其中")
    assert 'class="unbroken"' not in shown("$a$ and")
    assert 'class="unbroken"' not in shown("$a = b + c$, where")  # it may break before = and +


def test_the_mark_of_a_claim_stays_with_the_formula_before_it():
    import markdown

    from scripts.generate.pages import _claim

    def shown(text: str) -> str:
        (claim,) = (mark for mark in marks.marks(text) if mark.kind == "claim")
        return markdown.markdown(_claim(claim, "zh") + "。", extensions=["scripts.formulas"])

    held = r'<span class="unbroken"><span class="katex">.*</span><a [^<>]*>✓</a></span></span>。'
    assert re.search(held, shown("[方差为 $2/n$](claim:a)"))
    assert re.search(held, shown("[步长为 $b + \\epsilon$](claim:a)"))
    long = "$\\mathbb E[a^2] = \\prod_l (1 + 5/n_l) + c + d + e$"  # fills a line of a phone
    assert 'class="unbroken"' not in shown(f"[{long}](claim:a)")
    assert 'class="unbroken"' not in shown("[方差减半](claim:a)")  # the style sheet joins it
