"""Claims of the section's index page: what the table counts, and what training keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from snippets.architectures.index import evidence_latency as latency
from snippets.architectures.index.evidence_latency import Calls
from tests.support.artifacts import read
from tests.support.guide import guide

Evidence = Callable[..., Any]


def entries() -> dict[str, dict[str, Any]]:
    """What the experiment of each network's entry counted, by the network."""
    rooms = {
        snippet.path.removeprefix("snippets/").removesuffix("/evidence.py")
        for section in ("architectures", "mobile")
        for entry in guide().in_section(section)
        for snippet in entry.snippets
        if snippet.path.endswith("/evidence.py")
    }
    counted = [read(room) for room in sorted(rooms)]
    return {numbers["network"]: numbers for numbers in counted if "multiply_adds" in numbers}


def test_every_network_of_the_table_is_here(evidence: Evidence) -> None:
    """Operations and pixels of each network that an entry counted, and of no other."""
    assert len(entries()) > 35
    assert set(evidence("latency")["operations"]) == set(evidence("latency")["pixels"]) == set(entries())


def test_pixels(evidence: Evidence) -> None:
    """The size under a name is that of the count: the multiply-adds of the entry, at no other size."""
    found = dict(evidence("latency")["multiply_adds"])
    with torch.device("meta"), torch.inference_mode():
        for name, (make, _) in latency.OTHERS.items():
            with FlopCounterMode(display=False) as counter:
                make().eval()(latency.image(name))
            found[name] = counter.get_total_flops() // 2
    assert found == {name: counted["multiply_adds"] for name, counted in entries().items()}


def test_operations_are_counted() -> None:
    """Operations write numbers: layers, additions and copies do; a view, a split and dropout in inference do not."""
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten())
    changes: dict[int, Callable[[Tensor], Tensor]] = {
        0: lambda x: x.view(4, -1).chunk(2)[0],
        1: lambda x: x + 1,
        2: lambda x: torch.cat(x.chunk(2)).t().contiguous(),
    }
    x = torch.rand(2, 3, 5, 5)
    for more, change in changes.items():
        with torch.inference_mode(), Calls() as calls:
            change(layers.eval()(x))
        assert (calls.operations, calls.multiply_adds) == (3 + more, 2 * 4 * 3 * 3 * 27)


def test_operations_of_resnet_50(evidence: Evidence) -> None:
    """ResNet-50: 53 convolutions and normalizations, 49 ReLUs, 16 additions, two poolings, a linear layer: 174."""
    convs = 1 + 16 * 3 + 4  # stem, three in each of 16 blocks, four that change the width of a shortcut
    assert evidence("latency")["operations"]["ResNet-50"] == 2 * convs + (1 + 16 * 3) + 16 + 2 + 1 == 174
    assert evidence("latency")["operations"]["AlexNet"] == 5 + 7 + 3 + 1 + 3
    assert evidence("latency")["operations"]["VGG-16"] == 13 + 15 + 5 + 1 + 3


def test_few_multiply_adds_many_operations(evidence: Evidence) -> None:
    """GhostNet has 3% of ResNet-50's multiply-adds and 288 operations; RepVGG-A0, its branches merged, has 46."""
    counts = evidence("latency")
    work, operations = counts["multiply_adds"], counts["operations"]
    assert 0.03 < work["GhostNet 1.0×"] / work["ResNet-50"] < 0.035
    assert (operations["GhostNet 1.0×"], operations["ResNet-50"], operations["RepVGG-A0"]) == (288, 174, 46)


def kept(make: Callable[[], nn.Module]) -> int:
    """Bytes that a forward pass in training keeps of one image, parameters and buffers aside."""
    with torch.device("meta"):
        model, x = make().train(), torch.empty(2, 3, 224, 224)
    own = {value.untyped_storage()._cdata for value in model.state_dict().values()}
    storages: dict[int, int] = {}
    alive: list[Tensor] = []

    def keep(value: Tensor) -> Tensor:
        alive.append(value)  # so that no other takes its address
        if (place := value.untyped_storage()._cdata) not in own:
            storages[place] = value.untyped_storage().nbytes()
        return value

    with saved_tensors_hooks(keep, lambda value: value):
        model(x)
    return sum(storages.values()) // len(x)


def test_training_keeps_more(evidence: Evidence) -> None:
    """Bytes kept for the backward pass over those of the activations: VGG-16 1.4, ResNet-50 1.9, DenseNet-121 4.7."""
    for name, times in (("VGG-16", 1.4), ("ResNet-50", 1.9), ("DenseNet-121", 4.7)):
        assert round(kept(latency.NETWORKS[name]) / (4 * entries()[name]["activations"]), 1) == times
    assert 44 < 4 * entries()["ResNet-50"]["activations"] / 1e6 < 45
