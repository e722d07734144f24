"""Conformance of docs/accuracies.yaml: what torchvision says of the weights that a row names is what the row says."""

from __future__ import annotations

from typing import Any

import pytest
from torchvision import models

from scripts.sources.accuracies import Accuracy
from tests.support.guide import guide

NAMED = [accuracy for accuracy in guide().accuracies if accuracy.weights]


@pytest.mark.parametrize("accuracy", [pytest.param(each, id=each.id) for each in NAMED] or ["no accuracy"])
def test_torchvision_says_the_same(accuracy: Accuracy) -> None:
    name, _, version = accuracy.weights.partition(".")
    weights: Any = getattr(models, name)[version]
    assert weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] == pytest.approx(accuracy.top1, abs=0.06)
    assert weights.transforms.keywords["crop_size"] == accuracy.size
