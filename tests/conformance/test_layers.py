"""Conformance of every row of docs/layers.yaml: its class takes these settings, its model has such a layer.

Nothing here names a layer. Models are built on the meta device, without weights.
"""

from __future__ import annotations

import importlib
import inspect
import math
import warnings
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from scripts.sources.layers import Layer
from tests.support.guide import guide
from tests.support.normalizers import classes

LAYERS = guide().layers
WITH_CLASS = [layer for layer in LAYERS if layer.class_]
WITH_MODEL = [layer for layer in LAYERS if layer.oracle]


def attribute(name: str) -> Any:
    """What a dotted name means."""
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


@cache
def model_of(oracle: str) -> nn.Module:
    """The model without weights: ``timm:name``, or a dotted name of torchvision."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about first weights: there are none
        if oracle.startswith("timm:"):
            made = importlib.import_module("timm").create_model(oracle.removeprefix("timm:"))
        else:
            weights = {"weights_backbone": None} if ".detection." in oracle or ".segmentation." in oracle else {}
            made = attribute(oracle)(weights=None, **weights)
    assert isinstance(made, nn.Module)
    return made


def same(found: dict[str, Any], said: dict[str, Any]) -> bool:
    """Equal settings; numbers up to rounding, for 1 - 0.9997 is not 0.0003."""
    return all(
        math.isclose(found[key], value, rel_tol=1e-9)
        if isinstance(value, float) and isinstance(found[key], float)
        else found[key] == value
        for key, value in said.items()
    )


def named(layers: list[Layer]) -> list[Any]:
    return [pytest.param(layer, id=layer.id) for layer in layers] or ["no layer"]


@pytest.mark.parametrize("layer", named(WITH_CLASS))
def test_the_class_takes_the_settings(layer: Layer) -> None:
    class_ = attribute(layer.class_)
    unknown = set(layer.settings) - set(inspect.signature(class_).parameters)
    assert not unknown, f"{layer.class_} has no {', '.join(sorted(unknown))}"


@pytest.mark.parametrize("layer", named([layer for layer in LAYERS if not layer.class_]))
def test_without_a_class_the_settings_are_those_of_the_guides_own(layer: Layer) -> None:
    """A class in the room of the entry takes each, or its convolutions have such a kernel."""
    room = layer.entry.replace("-", "_")
    of_room = [c for key, c in classes().items() if key.startswith(f"{room}/")]
    assert of_room
    taken = {name for c in of_room for name in inspect.signature(c).parameters}
    assert set(layer.settings) <= taken | {"kernel"}


@pytest.mark.parametrize("layer", named(WITH_MODEL))
def test_the_model_has_such_a_layer(layer: Layer) -> None:
    class_ = attribute(layer.class_)
    found = [module for module in model_of(layer.oracle).modules() if isinstance(module, class_)]
    assert found, f"{layer.oracle} has no {layer.class_}"
    said = [{key: getattr(module, key) for key in layer.settings} for module in found]
    matching = [each for each in said if same(each, layer.settings)]
    assert matching, f"{layer.oracle}: {layer.class_} has {said[0]}, the row says {layer.settings}"
    if not layer.where:
        others = [each for each in said if not same(each, layer.settings)]
        assert not others, f"{len(others)} of {len(found)} layers differ, such as {others[0]}; say where"
