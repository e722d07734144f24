"""What counts as a pitfall of a page, and how it is taken apart."""

from __future__ import annotations

import pytest

from scripts.sources import pitfalls
from scripts.sources.pages import Entry, Page

BODY = """# Page

- no pitfall

## Pitfalls

- **The loss is `nan`, or $\\infty$.** Torch says "`x` must be positive", see [the log](log.md) [@doe2020paper].
  More of the same item.
- [Twice two is four](claim:four). Always. Write `SGD(lr=1)`, never `ValueError: no such group`.
- **A [marked lead](claim:lead).**

A paragraph after the list.

## Related

- no pitfall either
"""


def found(body: str) -> list[pitfalls.Pitfall]:
    """The pitfalls of a page whose body begins in line 10 of its file."""
    pages = {lang: Page("", "", lang, "", {}, body, 10) for lang in ("en", "zh")}
    return pitfalls.of(Entry("demo", "page", pages, (), {}), "en")


def test_lead_words_errors_and_place():
    first, second, third = found(BODY)
    assert first.lead == "The loss is nan, or ."
    assert first.words == 'Torch says "x must be positive", see the log . More of the same item.'
    assert first.errors == ("`x` must be positive",)
    assert second.lead == "Twice two is four."  # no bold lead: the first sentence
    assert second.errors == ("ValueError: no such group",)
    assert (third.lead, third.words) == ("A marked lead.", "")
    assert [pitfall.line for pitfall in (first, second, third)] == [16, 18, 19]
    assert BODY[first.start : first.end] == "- "


@pytest.mark.parametrize(
    ("lead", "anchor"),
    [
        ("The loss swings and never settles.", "pitfall-the-loss-swings-and-never-settles"),
        ("`step()` isn't called: γ, or naïve!", "pitfall-step-isnt-called-or-naive"),
    ],
)
def test_anchor(lead, anchor):
    assert pitfalls.anchor(lead) == anchor


def test_page_without_pitfalls():
    assert found("# Page\n\n- an item\n") == []
