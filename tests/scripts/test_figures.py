"""What a figure becomes on a page."""

from __future__ import annotations

import re

from lxml import etree

from scripts.generate import figures

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
