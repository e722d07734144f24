"""nan-hunting: equal to torch's anomaly detection, each planted place found, and the claims of its page."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.nan_hunting.from_scratch import first_nan
from snippets.diagnostics.nan_hunting.use import find_not_finite
from tests.support import planted
from tests.support.planted import Run

Formula = Callable[[Tensor], Tensor]
FORMULAS: dict[str, Formula] = {
    "root of 0, not used": lambda x: (0 * x.sqrt()).sum(),
    "root of a square of 0": lambda x: (x**2).sqrt().sum(),
    "logarithm behind a mask": lambda x: torch.where(x > 0, x * x.log(), 0.0).sum(),
    "division behind a mask": lambda x: torch.where(x > 0, x / x, 0.0).sum(),
    "arccosine of 1, not used": lambda x: (0 * (x + 1).acos()).sum(),
    "power of 0, not used": lambda x: (0 * x**0.5).sum(),
    "inf only": lambda x: x.sqrt().sum(),
    "all finite": lambda x: (x + 1).log().sum(),
}


def named_by_torch(formula: Formula) -> str | None:
    """The operation in the error of set_detect_anomaly; None where it raises nothing."""
    x = torch.zeros(3, requires_grad=True)
    with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")
        try:
            formula(x).backward()
        except RuntimeError as error:
            return str(error).split("'")[1]
    return None


@pytest.mark.parametrize("name", FORMULAS)
def test_equals_torch(name: str) -> None:
    """The same operation as the error of set_detect_anomaly for six formulas; nothing where torch raises nothing."""
    x = torch.zeros(3, requires_grad=True)
    theirs = named_by_torch(FORMULAS[name])
    assert first_nan(FORMULAS[name](x), [x]) == theirs
    assert (theirs is None) == (name in ("inf only", "all finite"))
    assert x.grad is None
    assert len(FORMULAS) == 6 + 2


def made(**changed: Any) -> dict[str, Any]:
    """Model, loss and batch of a healthy step, but for what is changed."""
    torch.manual_seed(0)
    parts = nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 1)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), *parts)
    step = {"model": model, "loss_fn": nn.functional.mse_loss, "inputs": torch.randn(16, 4)}
    return step | {"targets": torch.randn(16, 1)} | changed


class Root(nn.Module):
    """The logarithm of numbers that are not all positive."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu().log()


def root_of_zero(outputs: Tensor, targets: Tensor) -> Tensor:
    """A root whose gradient is infinite."""
    return ((outputs - targets).abs() - 100).relu().sum().sqrt()


def with_weight(value: float, name: str) -> nn.Module:
    """A model with one bad number in a parameter or buffer."""
    model = made()["model"]
    with torch.no_grad():
        dict([*model.named_parameters(), *model.named_buffers()])[name][0] = value
    return model


BAD = torch.randn(16, 1).index_fill(0, torch.tensor([3]), math.inf)
PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "inputs": ({"inputs": torch.full((16, 4), math.nan)}, "inputs: 64 NaN and 0 inf of 64 before"),
    "targets": ({"targets": BAD}, "targets: 0 NaN and 1 inf of 16 before"),
    "weight": ({"model": with_weight(math.inf, "4.bias")}, "4.bias: 0 NaN and 1 inf of 1 before"),
    "buffer": ({"model": with_weight(math.nan, "1.running_var")}, "1.running_var: 1 NaN and 0 inf of 8 before"),
    "module": ({"model": nn.Sequential(nn.Linear(4, 1), Root(), nn.ReLU())}, "1 (Root) returned 0 NaN and "),
    "loss": ({"loss_fn": lambda outputs, targets: (outputs - targets).sum().relu() / 0.0}, "loss_fn returned "),
    "backward": ({"loss_fn": root_of_zero}, "SqrtBackward0 made 0 NaN and 1 inf of 1 in the gradient: return ((out"),
}


@pytest.mark.parametrize("place", PLACES)
def test_names_each_place(place: str) -> None:
    """Inputs, targets, a weight, a buffer, a module's output, the loss, an operation of the backward pass."""
    changed, says = PLACES[place]
    found = find_not_finite(**made(**changed))
    assert found is not None
    assert found.startswith(says)
    assert len(PLACES) == 7


def test_healthy_has_none() -> None:
    """Nothing is said of a healthy step, nor where the loss depends on no weight."""
    assert find_not_finite(**made()) is None
    assert find_not_finite(**made(loss_fn=lambda outputs, targets: targets.sum())) is None


@pytest.mark.parametrize("place", ["healthy", *PLACES])
def test_leaves_everything_as_it_was(place: str) -> None:
    """Weights, buffers, gradients, modes, hooks and random numbers are the same after the call."""
    things = made(**PLACES[place][0]) if place in PLACES else made()
    things["model"](torch.randn(16, 4)).sum().backward()
    things["model"][0].eval()

    def call(model: Any, loss_fn: Any, inputs: Any, targets: Any) -> str:
        find_not_finite(model, loss_fn, inputs, targets)
        return ""

    planted.asked(call, Run("", things, None))
    assert not torch.is_anomaly_enabled()


def test_inner_module_first() -> None:
    """Of nested modules whose outputs are all bad, the innermost is named."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Sequential(nn.ReLU(), Root()), nn.Linear(4, 1)))
    found = find_not_finite(**made(model=model))
    assert found is not None
    assert found.startswith("1.0.1 (Root)")


class Weights(nn.Module):
    """A formula of three weights that are 0."""

    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.weight, self.formula = nn.Parameter(torch.zeros(3)), formula

    def forward(self, _: Tensor) -> Tensor:
        return self.formula(self.weight)


def test_anomaly_misses_inf(evidence) -> None:
    """sqrt(x^2) at 0: it names the square. sqrt of a weight 0: nothing. The first inf is the root's in both cases."""
    for formula, theirs in ((FORMULAS["root of a square of 0"], "PowBackward0"), (FORMULAS["inf only"], None)):
        assert named_by_torch(formula) == theirs
        found = find_not_finite(Weights(formula), lambda outputs, _: outputs, torch.zeros(1), torch.zeros(1))
        assert found is not None
        assert found.startswith("SqrtBackward0 made 0 NaN and 3 inf of 3")
    faults = evidence()["faults"]
    pairs = [(row["anomaly"], row["first not finite"]) for row in faults.values()]
    assert ("PowBackward0", "SqrtBackward0") in pairs
    assert ("nothing", "SqrtBackward0") in pairs


def test_table_of_faults(evidence) -> None:
    """An innocent operation for the first, the source for the second, nothing for the third; all losses are finite."""
    rows = list(evidence()["faults"].values())
    assert all(math.isfinite(row["loss"]) for row in rows)
    first, second, third = [(row["anomaly"], row["first not finite"]) for row in rows]
    assert first[0] not in (first[1], "nothing")
    assert second[0] == second[1] != "nothing"
    assert third[0] == "nothing" != third[1]


def test_one_pixel_spreads(evidence) -> None:
    """No normalization: 1 sample of 64 up to the outputs, then all weights; with batch normalization all, at once."""
    alone, normalized = evidence()["spread"].values()
    assert alone == [1 / 4096, 1 / 64, 1 / 64, 1 / 64, 1, 1, 1]
    assert normalized == [1 / 4096, 1, 1, 1, 1, 1, 1]


def test_inf_on_purpose_is_reported() -> None:
    """A module that writes -inf into masked scores is reported; with finfo.min it is not."""

    class Mask(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.value = value

        def forward(self, x: Tensor) -> Tensor:
            return x.masked_fill(torch.arange(8) > 5, self.value)

    def said(value: float) -> str | None:
        model = nn.Sequential(nn.Linear(4, 8), Mask(value), nn.Softmax(dim=1), nn.Linear(8, 1))
        return find_not_finite(**made(model=model))

    assert (said(-math.inf) or "").startswith("1 (Mask) returned 0 NaN and 32 inf")
    assert said(torch.finfo(torch.float32).min) is None


class CausalScores(nn.Module):
    """Attention whose mask is a buffer of 0 and -inf; the first operation changes the input in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("mask", torch.full((16, 16), -math.inf).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x.relu_())
        return ((x @ x.T + self.mask).softmax(dim=1) @ x)[:, :1]


def test_mask_in_a_buffer_is_no_finding() -> None:
    """A mask of -inf in a buffer is not reported, one of inf or with NaN is; the inputs stay as they are."""
    step = made(model=CausalScores())
    before = step["inputs"].clone()
    assert find_not_finite(**step) is None
    assert torch.equal(step["inputs"], before)
    for value in (math.inf, math.nan):
        step["model"].mask[0, 0] = value
        assert (find_not_finite(**step) or "").startswith("mask: ")


def test_sparse_gradients() -> None:
    """An embedding with sparse gradients: a healthy step has no finding, and a root of 0 is found before it."""
    model = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Linear(4, 1))
    ids = torch.arange(8)
    assert find_not_finite(model, lambda o, _: o.square().mean(), ids, ids) is None
    found = find_not_finite(model, lambda o, _: (0 * o).sum().sqrt(), ids, ids)
    assert (found or "").startswith("SqrtBackward0")


def test_overflow_of_a_product_is_found() -> None:
    """The incoming gradient and the slope are finite in float16, and their product is not."""
    x = torch.ones(1, dtype=torch.float16)
    found = find_not_finite(Weights(lambda w: 1e3 * (1e3 * w.half())), lambda o, _: o.sum(), x, x)
    assert (found or "").startswith("MulBackward0 made 0 NaN and 3 inf of 3")


def test_scaler_skips_and_halves() -> None:
    """Where GradScaler finds inf, weights stay and its factor is halved."""
    model = nn.Linear(2, 1)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    start = scaler.get_scale()
    scaler.scale(model(torch.full((1, 2), 1e38)).sum()).backward()
    assert model.weight.grad is not None
    assert model.weight.grad.isinf().all()
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(model.weight, before)
    assert scaler.get_scale() == start / 2


def test_context_restores() -> None:
    """Anomaly detection is off after the with block and on after a bare call."""
    with torch.autograd.set_detect_anomaly(True):
        assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_enabled()
    try:
        torch.autograd.set_detect_anomaly(True)
        assert torch.is_anomaly_enabled()
    finally:
        torch.autograd.set_detect_anomaly(False)
