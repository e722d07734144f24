"""docs/accuracies.yaml: published ImageNet accuracies of networks, each with its place and how it was trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.sources import records
from scripts.sources.recipe_form import Fields, is_number, is_spoken, is_text, of_sourced
from scripts.sources.recipes import Source
from scripts.sources.records import Fault

FILE = "docs/accuracies.yaml"


@dataclass(frozen=True)
class Accuracy:
    """Top-1 on the 50,000 validation images of ImageNet-1k, one crop.

    Args:
        id: of the network's entry.
        network: the variant, as it is called.
        top1: in per cent.
        source: where it is published.
        line: its line in the file.
        size: height and width of the crop.
        weights: torchvision's name of the weights, such as ``ResNet50_Weights.IMAGENET1K_V1``; empty for others.
        note: how it was trained, in few words, by language.
    """

    id: str
    network: str
    top1: float
    source: Source
    line: int
    size: int = 224
    weights: str = ""
    note: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """Words that need a Chinese twin."""
        return [self.source.place] if self.source.place else []


FIELDS: Fields = {
    "id": (is_text, "an entry's id"),
    "network": (is_text, "a text"),
    "top1": (lambda v: is_number(v) and v <= 100, "a number in per cent"),
    "source": (lambda v: isinstance(v, dict), "{paper, place} or {repository, commit, files}"),
    "size": (lambda v: isinstance(v, int) and v > 0, "pixels, 224"),
    "weights": (is_text, "ResNet50_Weights.IMAGENET1K_V1"),
    "note": (is_spoken, "en and zh"),
}
NEEDED = ("id", "network", "top1", "note", "source")


def load(root: Path) -> list[Accuracy]:
    """Every record, in the file's order.

    Raises:
        BuildError: for a record of another form.
    """
    return [
        Accuracy(**{**row, "source": Source.read(row["source"]), "line": line})
        for row, line in records.checked(root, FILE, "accuracy of", _faults)
    ]


def _faults(row: Mapping[str, Any]) -> Iterator[Fault]:
    return of_sourced(row, FIELDS, NEEDED)
