"""Conformance of docs/accuracies.yaml: what torchvision says of the weights that a row names is what the row says."""

from __future__ import annotations

from typing import Any

import pytest
from torchvision import models

from scripts.sources.accuracies import Accuracy
from tests.support.artifacts import read
from tests.support.guide import guide

# The accuracy is of another build of the network than the one that the experiment counts.
OTHERS = {"resnet-v2": "Keras' ResNet50V2 has biases and pads otherwise; timm's, which is counted, has no such row"}
RECIPES = {  # rows of docs/recipes.yaml by which the accuracy's weights were trained
    "alexnet": "vgg-torchvision",
    "convnext": "convnext-torchvision",
    "efficientnet-v2": "efficientnetv2-s-torchvision",
    "mobilenet-v2": "mobilenetv2-torchvision",
    "mobilenet-v3": "mobilenetv3-torchvision",
    "regnet": "regnet-400mf-torchvision",
    "repvgg": "repvgg-a0",
    "resnet": "resnet50-imagenet-torchvision-v1",
    "resnext": "resnext101-32x8d-torchvision",
    "vgg": "vgg-torchvision",
}
NAMED = [accuracy for accuracy in guide().accuracies if accuracy.weights]


@pytest.mark.parametrize("accuracy", guide().accuracies, ids=lambda each: each.id)
def test_it_is_of_the_network_that_is_counted(accuracy: Accuracy) -> None:
    """By its name, so that the figure shows both of one network; else it is said why not."""
    entry = guide().by_id[accuracy.id]
    counted = read(f"{entry.section}/{entry.id.replace('-', '_')}")["network"]
    assert (counted == accuracy.network) != (entry.id in OTHERS), counted


@pytest.mark.parametrize("accuracy", [pytest.param(each, id=each.id) for each in NAMED] or ["no accuracy"])
def test_torchvision_says_the_same(accuracy: Accuracy) -> None:
    name, _, version = accuracy.weights.partition(".")
    weights: Any = getattr(models, name)[version]
    assert weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] == pytest.approx(accuracy.top1, abs=0.06)
    assert weights.transforms.keywords["crop_size"] == accuracy.size


@pytest.mark.parametrize("accuracy", guide().accuracies, ids=lambda each: each.id)
def test_it_says_how_it_was_trained(accuracy: Accuracy) -> None:
    """As long as the row of recipes says, if there is one; and that torchvision took weights over, where it does."""
    note = accuracy.note["en"]
    for row in (recipe for recipe in guide().recipes if recipe.id == RECIPES.get(accuracy.id)):
        assert row.length is not None
        assert f"{row.length.number:g} {row.length.unit}" in note
    if accuracy.weights:
        name, _, version = accuracy.weights.partition(".")
        weights: Any = getattr(models, name)[version]
        assert ("ported" in weights.meta["_docs"]) <= ("took over" in note)


def test_the_recipes_are_known() -> None:
    assert set(RECIPES.values()) <= {recipe.id for recipe in guide().recipes}
    assert set(RECIPES) <= {accuracy.id for accuracy in guide().accuracies}
