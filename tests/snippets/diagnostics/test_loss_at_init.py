"""Loss at initialization: the closed forms against torch, what the three numbers are, and what a first loss shows."""

from __future__ import annotations

import copy
import math
import statistics

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.loss_at_init.evidence import PROGRAMS, SEEDS
from snippets.diagnostics.loss_at_init.from_scratch import best_constant_loss
from snippets.diagnostics.loss_at_init.use import loss_at_init

F = nn.functional


class Fixed(nn.Module):
    """Outputs that are always 0, of a shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x), *self.shape)


def targets_of(loss: str) -> tuple[Tensor, nn.Module, object]:
    """Skewed targets, a model of their shape, torch's loss."""
    torch.manual_seed(0)
    if loss == "cross_entropy":
        return torch.multinomial(torch.tensor([0.6, 0.3, 0.08, 0.02]), 1000, True), Fixed(4), F.cross_entropy
    if loss == "binary":
        return (torch.rand(1000) < 0.1).float(), Fixed(), F.binary_cross_entropy_with_logits
    return 3 + 2 * torch.randn(1001), Fixed(), F.mse_loss if loss == "squared" else F.l1_loss


@pytest.mark.parametrize("loss", ["cross_entropy", "binary", "squared", "absolute"])
def test_closed_form_is_the_minimum(loss: str) -> None:
    """The closed form is what LBFGS finds with torch's loss on skewed targets, to a thousandth, for all four losses."""
    targets, model, loss_fn = targets_of(loss)
    found = loss_at_init(model, loss_fn, torch.zeros(len(targets), 1), targets).constant  # type: ignore[arg-type]
    assert found == pytest.approx(best_constant_loss(targets, loss), rel=1e-3)


@pytest.mark.parametrize("classes", [2, 10, 1000, 50257])
def test_zero_outputs_have_log_c(classes: int) -> None:
    """Cross-entropy of zero outputs is log C, also with smoothing and class weights: 2.30, 6.91 and 10.82 for three."""
    torch.manual_seed(0)
    y = torch.randint(classes, (50,))
    outputs = torch.zeros(50, classes)
    expected = {2: 0.69, 10: 2.30, 1000: 6.91, 50257: 10.82}[classes]
    assert math.log(classes) == pytest.approx(expected, abs=5e-3)
    for settings in ({}, {"label_smoothing": 0.1}, {"weight": torch.rand(classes) + 0.1}):
        assert F.cross_entropy(outputs, y, **settings).item() == pytest.approx(math.log(classes), rel=1e-4)


def test_binary_and_squared_error() -> None:
    """Zero logits have log 2 = 0.69 whatever the labels; zero outputs the mean square, variance plus squared mean."""
    for share in (0.0, 0.1, 0.5, 1.0):
        y = (torch.arange(100) < 100 * share).float()
        assert F.binary_cross_entropy_with_logits(torch.zeros(100), y).item() == pytest.approx(math.log(2))
    torch.manual_seed(0)
    y = 50 + 10 * torch.randn(1000)
    zero = F.mse_loss(torch.zeros(1000), y).item()
    assert zero == pytest.approx((y.var(correction=0) + y.mean() ** 2).item())
    assert loss_at_init(Fixed(), F.mse_loss, torch.zeros(1000, 1), y).constant == pytest.approx(
        y.var(correction=0).item(), rel=1e-4
    )


def test_rare_class_starts_above_the_entropy() -> None:
    """One positive in a hundred: zero logits start at 0.69, the best constant has 0.056."""
    y = (torch.arange(1000) % 100 == 0).float()
    start = loss_at_init(Fixed(), F.binary_cross_entropy_with_logits, torch.zeros(1000, 1), y)
    assert start.first == start.zero == pytest.approx(0.693, abs=1e-3)
    assert start.constant == pytest.approx(0.056, abs=1e-3)


def test_default_starts_near_log_c(evidence) -> None:
    """torch's default initialization: within 0.1 of log 10 with each of five seeds."""
    first = evidence()["no fault"]["first"]
    assert len(first) == SEEDS == 5
    assert max(abs(loss - math.log(10)) for loss in first) < 0.1


def test_two_faults_start_far_above_log_c(evidence) -> None:
    """Raw pixels and 30 times larger last weights start above 1.5 times log 10 with each seed."""
    for program in PROGRAMS[1:3]:
        assert min(evidence()[program]["first"]) > 1.5 * math.log(10), program


def test_two_faults_start_right(evidence) -> None:
    """A softmax before the loss and labels of other images start within 0.1 of log 10 with each seed."""
    for program in PROGRAMS[3:]:
        assert max(abs(loss - math.log(10)) for loss in evidence()[program]["first"]) < 0.1, program


def test_high_start_is_not_slow_here(evidence) -> None:
    """After 60 steps the median loss of the two programs that start too high is below that without a fault."""
    numbers = evidence()
    for program in PROGRAMS[1:3]:
        assert statistics.median(numbers[program]["last"]) < min(numbers["no fault"]["last"]), program


def test_leaves_everything_as_it_was() -> None:
    """Weights, buffers, gradients, mode and random numbers are the same before and after."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 5))
    x, y = torch.randn(30, 20), torch.randint(5, (30,))
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    model[1].eval()

    def loss_fn(outputs: Tensor, targets: Tensor) -> Tensor:  # it draws numbers, and has a penalty on weights
        return F.cross_entropy(outputs + 0 * torch.rand(1), targets) + 1e-4 * model[0].weight.square().sum()

    loss_at_init(model, loss_fn, x, y)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert [m.training for m in model.modules()] == [True, True, False, True, True]


def test_sum_multiplies_by_the_samples() -> None:
    """reduction="sum" on 64 samples gives 64 log 10 = 147 for zero outputs."""
    y = torch.arange(64) % 10
    assert F.cross_entropy(torch.zeros(64, 10), y, reduction="sum").item() == pytest.approx(64 * math.log(10))
    assert 64 * math.log(10) == pytest.approx(147, abs=0.5)


def test_one_class_in_the_batch() -> None:
    """Samples of one class: the best constant is near 0, while zero outputs still have log 10."""
    y = torch.zeros(64, dtype=torch.int64)
    start = loss_at_init(Fixed(10), F.cross_entropy, torch.zeros(64, 1), y)
    assert start.constant < 0.01
    assert start.zero == pytest.approx(math.log(10))
    assert F.cross_entropy(torch.randn(64, 1), y).item() == 0


def test_each_position_has_its_constant() -> None:
    """Two tokens with targets that differ by position: the best constant is 0, though both classes are as frequent."""
    y = torch.tensor([[0, 1]]).repeat(64, 1)
    start = loss_at_init(Fixed(2, 2), lambda a, b: F.cross_entropy(a.flatten(0, 1), b.flatten()), torch.zeros(64, 1), y)
    assert start.constant < 0.01
    assert start.zero == pytest.approx(math.log(2))


def test_probabilities_are_refused() -> None:
    """With BCELoss, LBFGS leaves the range of probabilities: torch's error; logits with BCEWithLogitsLoss work."""
    torch.manual_seed(0)
    x, y = torch.randn(100, 20), (torch.arange(100) % 50 == 0).float().unsqueeze(1)
    with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
        loss_at_init(nn.Sequential(nn.Linear(20, 1), nn.Sigmoid()), nn.BCELoss(), x, y)
    assert loss_at_init(nn.Linear(20, 1), nn.BCEWithLogitsLoss(), x, y).constant == pytest.approx(0.098, abs=1e-3)
