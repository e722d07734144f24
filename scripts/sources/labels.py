"""docs/zh/labels.yaml: English words of figures, table heads and parameter tables, each with its Chinese twin.

A ``#`` stands for any number, so that a twin outlives what another processor measures: ``"# (# to #)": "#（# 到 #）"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from scripts.problems import Problem, stop_on
from scripts.sources import records

FILE = "docs/zh/labels.yaml"
NUMBER = re.compile(r"(?<![\w.,#])-?\d+(?:[.,]\d+)*(?:e-?\d+)?(?!\w)")


def load(root: Path) -> dict[str, str]:
    """Chinese by English; empty where there is no file.

    Raises:
        BuildError: for a file that is no YAML, or whose keys or values are not texts.
    """
    text, data = records.mapping(root, FILE)
    stop_on(
        Problem(
            FILE,
            records.line_of(text, str(key)),
            f"'{key}' is no text with its Chinese twin",
            "Write 'English: 中文'; put quotes around what YAML reads otherwise.",
        )
        for key, twin in data.items()
        if not isinstance(key, str) or not isinstance(twin, str) or not twin.strip()
    )
    return {str(key): str(twin) for key, twin in data.items()}


def twin(labels: Mapping[str, str], text: str) -> str | None:
    """The Chinese of a text: its own, or that of the same words with other numbers; None where there is neither."""
    if text in labels:
        return labels[text]
    numbers = NUMBER.findall(text)
    chinese = labels.get(NUMBER.sub("#", text)) if numbers else None
    if chinese is None or chinese.count("#") != len(numbers):
        return None
    given = iter(numbers)
    return re.sub("#", lambda _: next(given).replace(",", ""), chinese)


def said(labels: Mapping[str, str], text: str, lang: str) -> str:
    """``text`` in a language; a name that has no twin is the same in both."""
    return (twin(labels, text) or text) if lang == "zh" else text
