"""activation-statistics: running statistics equal to torch's, the factor of a layer, and the claims of its page."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.activation_statistics.from_scratch import RunningStatistics
from snippets.diagnostics.activation_statistics.use import activation_statistics
from tests.support import planted
from tests.support.planted import Run


@pytest.mark.parametrize("centre", [0.0, -3.0, 1e6])
@pytest.mark.parametrize("sizes", [[1, 1], [64], [64, 64, 17], [1, 500, 3]])
def test_equals_torch(sizes: list[int], centre: float) -> None:
    """Mean and std of all numbers at once, in float64, for batches of different sizes and a mean of a million."""
    torch.manual_seed(0)
    batches = [centre + torch.randn(size, 4, 3, dtype=torch.float64) for size in sizes]
    statistics = RunningStatistics()
    for batch in batches:
        statistics.update(batch)
    everything = torch.cat(batches)
    assert statistics.mean == pytest.approx(everything.mean().item(), rel=1e-12, abs=1e-12)
    assert statistics.std() == pytest.approx(everything.std().item(), rel=1e-9)  # 1e6 leaves 1e-10 of float64


def test_numbers() -> None:
    """Each number of a row is that of the layer's output, taken by hand."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)), torch.randn(32, 8)
    rows, out = activation_statistics(model, x), x
    assert [row.name for row in rows] == ["0", "1", "2"]
    for row, module in zip(rows, model, strict=True):
        out = module(out).detach()
        assert row.kind == type(module).__name__
        assert row.mean == pytest.approx(out.mean().item(), abs=1e-6)
        assert row.std == pytest.approx(out.std(correction=0).item(), rel=1e-5)
        assert row.between == pytest.approx((out - out.mean(dim=0)).square().mean().sqrt().item(), rel=1e-5)
        assert row.zeros == (out == 0).float().mean().item()
    assert rows[1].zeros > 0.2


@pytest.mark.parametrize("training", [True, False])
def test_leaves_everything_as_it_was(training: bool) -> None:
    """Weights, buffers, gradients, modes, hooks and random state are the same, with dropout and batch normalization."""
    parts = nn.ReLU(inplace=True), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.LSTM(8, 4)
    model = nn.Sequential(*parts).train(training)
    model[2].eval()
    things = {"model": model, "inputs": torch.randn(16, 8)}
    model[1](things["inputs"]).sum().backward()

    def call(model: Any, inputs: Any) -> str:
        assert len(activation_statistics(model, inputs)) == 5
        return ""

    planted.asked(call, Run("", things, None))


class Twice(nn.Module):
    """Calls one layer twice and a function between."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.unused = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.relu(2 * self.layer(x)))


def test_two_calls_two_rows() -> None:
    """A module that is called twice has two rows, in the order of the calls."""
    model, x = Twice(), torch.randn(16, 8)
    rows = activation_statistics(model, x)
    assert [row.name for row in rows] == ["layer", "layer"]
    assert rows[0].mean == pytest.approx(model.layer(x).mean().item(), abs=1e-6)
    assert rows[1].mean == pytest.approx(model(x).mean().item(), abs=1e-6)


def test_functions_have_no_row() -> None:
    """torch.relu has no row, nor has a container or a module that is not called."""
    model = nn.Sequential(Twice(), nn.ReLU())
    assert [row.kind for row in activation_statistics(model, torch.randn(16, 8))] == ["Linear", "Linear", "ReLU"]


@pytest.mark.parametrize(("std", "factor"), [(0.01, 0.057), (math.sqrt(2 / 64), 1.0), (0.5, 2.83)])
def test_factor_of_a_layer(std: float, factor: float) -> None:
    """sigma sqrt(n/2): 0.057 for n = 64 and 0.01, 1 for Kaiming's sigma; in the mean of 300 layers."""
    assert std * math.sqrt(64 / 2) == pytest.approx(factor, rel=0.01)
    torch.manual_seed(0)
    x, ratios = torch.randn(400, 64).double(), []
    for _ in range(300):
        layers = [nn.Linear(64, 64, bias=False).double() for _ in range(2)]
        for layer in layers:
            nn.init.normal_(layer.weight, std=std)
        rows = activation_statistics(nn.Sequential(layers[0], nn.ReLU(), layers[1]), x)
        ratios.append(rows[2].std ** 2 / rows[0].std ** 2)
    assert (sum(ratios) / 300) ** 0.5 == pytest.approx(factor, rel=0.03)  # spread of a ratio: 0.2; of the mean: 0.01


def test_bias_hides_the_loss() -> None:
    """With weights of 0 the std is the bias's, and nothing differs between samples."""
    layer = nn.Linear(8, 64)
    nn.init.zeros_(layer.weight)
    (row,) = activation_statistics(layer, torch.randn(32, 8))
    assert row.std == pytest.approx(layer.bias.std(correction=0).item(), rel=1e-5)
    assert row.std > 0.1
    assert row.between == pytest.approx(0, abs=1e-7)


def test_scale_goes_through() -> None:
    """Without biases 100 times the input is 100 times the output of each layer."""
    torch.manual_seed(0)
    parts = (part for _ in range(6) for part in (nn.Linear(16, 16, bias=False), nn.ReLU()))
    model, x = nn.Sequential(*parts), torch.randn(32, 16)
    for one, hundred in zip(activation_statistics(model, x), activation_statistics(model, 100 * x), strict=True):
        assert hundred.std == pytest.approx(100 * one.std, rel=1e-4)


def test_new_norm_in_eval_mode() -> None:
    """A new BatchNorm returns a spread of 1 in train mode and its input, but for eps, in eval mode."""
    model, x = nn.BatchNorm1d(8), 50 * torch.randn(256, 8)
    assert activation_statistics(model.train(), x)[0].std == pytest.approx(1, rel=1e-3)
    assert activation_statistics(model.eval(), x)[0].std == pytest.approx(x.std(correction=0).item(), rel=1e-3)


def test_flat_means_trainable(evidence) -> None:
    """Only Kaiming keeps all 12 layers within a factor of 3; only it reaches 90%."""
    flat = [name for name, row in evidence().items() if max(row["std"]) < 3 * min(row["std"])]
    good = [name for name, row in evidence().items() if sum(row["accuracy"]) / 3 > 0.9]
    assert flat == good == ["Kaiming"]
    assert all(len(row["std"]) == 12 and len(row["accuracy"]) == 3 for row in evidence().values())


def test_default_hides_behind_biases(evidence) -> None:
    """torch's default: std near 0.08 from layer 4 on, between samples below 0.0001 at layer 12."""
    row = evidence()["torch's default"]
    assert all(0.07 < std < 0.1 for std in row["std"][3:])
    assert row["between"][-1] < 1e-4
