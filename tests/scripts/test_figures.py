"""What a figure becomes on a page."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from scripts.generate import figures
from scripts.generate.svg import ArtifactError
from scripts.sources.pages import Page

SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 300 200">
<metadata>when</metadata><style>* {color: red}</style>
<defs><path id="m1" d="M 0 3 C 0.795609 3 1.55874 -2.683901 -0.000001 0"/></defs>
<g id="axes_1"><path d="M 10.123456 20 L 30.999999 40.5" style="stroke: #d9552c; fill: none"/>
<use xlink:href="#m1" x="12.345678" y="-0.001" style="fill: #d9552c"/></g>
<text transform="translate(10.987654 20) rotate(-90)">loss</text><g transform="scale(0.015625)"/></svg>"""


def test_figure_takes_the_colours_of_the_page_and_keeps_its_names_apart():
    tree = etree.fromstring(figures.inline_svg(SVG, "name", 'a "line"'))
    assert tree.get("aria-label") == 'a "line"'
    text = etree.tostring(tree, encoding="unicode")
    assert "#d9552c" not in text
    assert text.count("var(--figure-2)") == 2
    assert "metadata" not in text
    assert "<style" not in text
    assert 'id="name-m1"' in text
    assert 'href="#name-m1"' in text
    assert "axes_1" not in text


def test_coordinates_are_drawn_to_a_hundredth_of_a_point():
    text = figures.inline_svg(SVG, "name", "x")
    assert 'd="M 10.12 20 L 31 40.5"' in text
    assert 'd="M 0 3 C 0.8 3 1.56 -2.68 0 0"' in text
    assert 'x="12.35" y="0"' in text
    assert "translate(10.99 20) rotate(-90)" in text
    assert "scale(0.015625)" in text  # a factor is no coordinate
    places = re.findall(r"-?\d+\.\d+", SVG.replace("0.015625", "1"))
    moved = [abs(float(place) - float(figures._rounded(place))) for place in places]
    assert max(moved) <= 0.005 + 1e-9


# (what is put into the figure, what the message names)
ACTIVE = [
    ("<script>alert(1)</script>", "<script>"),
    ('<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>', "<script>"),
    ('<meta xmlns="http://www.w3.org/1999/xhtml" http-equiv="refresh" content="0; url=https://a.example"/>', "<meta>"),
    ('<style xmlns="http://www.w3.org/1999/xhtml">header {display: none}</style>', "<style>"),
    ('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>', "<foreignObject>"),
    ('<a xlink:href="javascript:alert(1)"><text>x</text></a>', "<a>"),
    ('<animate attributeName="x" to="1"/>', "<animate>"),
    ('<g onload="alert(1)"/>', "onload="),
    ('<g onclick="alert(1)"/>', "onclick="),
    ('<g class="md-overlay"/>', "class="),
    ('<g style="position: fixed; inset: 0"/>', "style="),
    ('<g style="fill: url(https://a.example/x)"/>', "style="),
    ('<g fill="url(https://a.example/x)"/>', "fill="),
    ('<g style="fill: u\\72l(#x)"/>', "style="),
    ('<image xlink:href="https://a.example/x.png"/>', "href="),
    ('<image href="data:image/svg+xml;base64,AAAA"/>', "href="),
    ('<use xlink:href="other.svg#m1"/>', "href="),
]


@pytest.mark.parametrize(("held", "named"), ACTIVE)
def test_figure_that_holds_more_than_shapes_and_texts_is_refused(held, named):
    with pytest.raises(ArtifactError, match=re.escape(named)):
        figures.inline_svg(SVG.replace("</svg>", held + "</svg>"), "name", "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no SVG"),
        ("<svg", "no SVG"),
        ("<html/>", "begins with <html>"),
        (SVG.replace("0 0 300 200", "0 0 300"), 'viewBox is "0 0 300"'),
        (SVG.replace("0 0 300 200", "0 0 0 200"), "viewBox"),
        (SVG.replace("0 0 300 200", "0 0 nan 200"), "viewBox"),
        (f'<!DOCTYPE svg [<!ENTITY e "x">]>{SVG.replace("loss", "&e;")}', "it holds"),
    ],
)
def test_file_that_is_no_figure_is_refused(text, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        figures.inline_svg(text, "name", "x")


def test_what_matplotlib_draws_is_taken_whole(tmp_path):
    """Lines, bars, pictures, text, hatches, clips and gradients of colour."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3)
    axes[0][0].plot([1, 2], [2, 1], marker="o", label="a", clip_on=True)
    axes[0][0].legend()
    axes[0][1].bar([1, 2], [2, 1], hatch="//")
    axes[0][2].imshow([[0, 1], [1, 0]])
    axes[1][0].contourf([[0, 1], [1, 0]])
    axes[1][1].scatter([1, 2], [1, 2], c=[0, 1], alpha=0.5)
    axes[1][2].annotate("$x^2$ & <b>", (0.1, 0.1), arrowprops={"arrowstyle": "->"}, bbox={"boxstyle": "round"})
    axes[1][2].fill_between([0, 1], [0, 1])
    with plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(tmp_path / "text.svg")
    figure.savefig(tmp_path / "paths.svg")
    plt.close(figure)
    for name, shapes in (("text", ("path", "text", "image")), ("paths", ("path", "image"))):
        text = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        drawn = etree.fromstring(figures.inline_svg(text, "name", "x"))
        for shape in shapes:
            wanted = list(etree.fromstring(text.encode()).iter(f"{{*}}{shape}"))
            assert len(list(drawn.iter(f"{{*}}{shape}"))) == len(wanted) > 0


def test_numbers_of_a_figure_are_folded_under_it_unless_a_table_of_the_page_has_them():
    body = '![a line](figure:line.svg "A.")\n\n![a block](figure:block.svg)\n\n![cost of blocks](table:block.csv)\n'
    page = Page("docs/en/x.md", "x.md", "en", body, {}, body, 1)
    assert page.numbers_of("line.svg") == "line.csv"
    assert page.numbers_of("block.svg") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no row"),
        ("a,b\n", "no row"),
        ("a,b\n1\n", "a row of 1 cells under a head of 2"),
        ('a,b\n"1,2\n', "no CSV"),
        (f"a\n{'9' * 131073}\n", "no CSV: field larger than field limit"),
    ],
)
def test_file_that_is_no_table_is_refused(text, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        figures.csv_table(text)


def test_cells_and_captions_are_text():
    tree = etree.fromstring(figures.csv_table('a,<b>\n"<script>","$x$"\n', 'A "caption" & <more>'))
    assert [cell.text for cell in tree.iter("th", "td")] == ["a", "<b>", "<script>", "$x$"]
    assert tree.get("aria-label") == tree.find(".//caption").text == 'A "caption" & <more>'
