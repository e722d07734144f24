"""docs/zh/labels.yaml: the twin of a word, and of one with other numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.sources import labels
from scripts.sources.labels import said, twin

ROOT = Path(__file__).resolve().parents[2]
LABELS = {
    "loss": "损失",
    "# (# to #)": "#（# 到 #）",
    "# steps": "# 步",
    "1 steps": "仅 1 步",
    "#% of the input": "输入的 #%",
    "two #": "两个",
}


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("loss", "损失"),
        ("0.43 (0.38 to 0.58)", "0.43（0.38 到 0.58）"),
        ("-1.5 (-2e-05 to 3)", "-1.5（-2e-05 到 3）"),
        ("1,600 steps", "1600 步"),
        ("1 steps", "仅 1 步"),
        ("12.5% of the input", "输入的 12.5%"),
        ("0.43 (0.38)", None),
        ("two 3", None),
        ("conv2 steps", None),
        ("losses", None),
    ],
)
def test_twin(text: str, chinese: str | None) -> None:
    """Its own line first, then the line of the same words; a digit within a word is no number."""
    assert twin(LABELS, text) == chinese
    assert said(LABELS, text, "zh") == (chinese or text)
    assert said(LABELS, text, "en") == text


def test_a_line_with_a_number_stands_for_all_its_numbers() -> None:
    """As many in Chinese as in English; and no line of its own says what the line for all numbers says."""
    known = labels.load(ROOT)
    for text, chinese in known.items():
        if "#" in text:
            assert chinese.count("#") == text.count("#"), text
        elif (pattern := labels.NUMBER.sub("#", text)) != text and pattern in known:
            assert twin({pattern: known[pattern]}, text) != chinese, f"{text} stands twice"
