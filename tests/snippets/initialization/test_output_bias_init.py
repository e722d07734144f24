"""Output-bias initialization: closed forms against torch, and the claims of its page."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.initialization.output_bias_init.evidence import SEEDS, STARTS, STEPS, load, train
from snippets.initialization.output_bias_init.from_scratch import binary_bias, class_bias
from snippets.initialization.output_bias_init.use import init_binary_bias, init_class_bias, init_mean_bias
from tests.support.rates import learning_rate_times


def entropy(p: float) -> float:
    return -(p * math.log(p) + (1 - p) * math.log(1 - p))


@pytest.mark.parametrize("prior", [0.001, 0.01, 0.3, 0.5, 0.97])
def test_bias_is_the_logit(prior):
    """b = log(pi / (1 - pi)) = -log((1 - pi) / pi): torch.logit; from scratch it is found without the formula."""
    layer = init_binary_bias(nn.Linear(4, 3), prior)
    expected = torch.logit(torch.tensor(prior)).expand(3)
    torch.testing.assert_close(layer.bias.detach(), expected, rtol=1e-5, atol=1e-6)
    assert binary_bias(prior) == pytest.approx(-math.log((1 - prior) / prior), abs=1e-9)
    found = torch.tensor(class_bias([0.6, 0.3, 0.1], steps=4000), dtype=torch.float64).softmax(0)
    torch.testing.assert_close(found, torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64), rtol=1e-9, atol=0)


def test_retinanet_bias():
    """With pi = 0.01 the bias is -4.595."""
    assert init_binary_bias(nn.Conv2d(8, 9, 3)).bias.detach().tolist() == pytest.approx([-4.595] * 9, abs=1e-3)


def test_mean_prediction_is_the_prior():
    """The mean prediction at the start is pi, within two per cent of it."""
    torch.manual_seed(0)
    layer = init_binary_bias(nn.Linear(64, 1), 0.01)
    assert layer(torch.randn(4096, 64)).sigmoid().mean().item() == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(("inputs", "spread", "too_high"), [(64, 0.08, 0.0), (512, 0.226, 0.025), (2048, 0.45, 0.1)])
def test_outputs_spread_with_the_width(inputs, spread, too_high):
    """Spread of outputs 0.01 sqrt(n): 0.08 for 64 inputs, 0.45 for 2,048, where the mean prediction is 10% too high.

    Behind a ReLU each output has a mean prediction of its own: at 2,048 inputs they spread by a quarter.
    """
    torch.manual_seed(0)
    layer = init_binary_bias(nn.Linear(inputs, 20), 0.01)  # twenty outputs stand for as many draws of the weights
    with torch.no_grad():
        outputs = layer(torch.randn(4096, inputs))
    assert outputs.std().item() == pytest.approx(spread, rel=0.03)
    assert spread == pytest.approx(0.01 * inputs**0.5, rel=0.01)
    assert outputs.sigmoid().mean().item() == pytest.approx(0.01 * (1 + too_high), rel=0.01)
    each = outputs.sigmoid().mean(0)
    assert (each / 0.01 - 1).abs().max() < too_high + 0.05  # of inputs with mean 0 every output is as much too high
    h = torch.randn(1024, inputs).relu() * 2**0.5
    with torch.no_grad():
        each = init_binary_bias(nn.Linear(inputs, 400), 0.01)(h).sigmoid().mean(0)
    assert each.log().std().item() == pytest.approx(spread / math.pi**0.5, rel=0.1)  # the mean square is mean^2 * pi
    if inputs == 2048:
        assert each.log().std().item() == pytest.approx(0.25, abs=0.02)


def test_first_loss_is_the_entropy():
    """The first loss is the entropy of the prior: 0.056 at one per cent, not 0.69."""
    torch.manual_seed(0)
    x, y = torch.randn(4000, 64), (torch.arange(4000) % 100 == 0).float()
    loss = F.binary_cross_entropy_with_logits(init_binary_bias(nn.Linear(64, 1), 0.01)(x).squeeze(1), y)
    assert loss.item() == pytest.approx(entropy(0.01), abs=0.001)
    assert entropy(0.01) == pytest.approx(0.056, abs=1e-3)
    zero = F.binary_cross_entropy_with_logits(torch.zeros(4000), y)
    assert zero.item() == pytest.approx(math.log(2))


def test_softmax_starts_at_the_frequencies():
    """Softmax: b = log frequency, and the first loss is the entropy of the class distribution."""
    torch.manual_seed(0)
    y = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    layer = init_class_bias(nn.Linear(16, 3), y.bincount(minlength=3), smoothing=0.0)
    frequency = torch.tensor([0.9, 0.09, 0.01])
    torch.testing.assert_close(layer.bias.softmax(0).detach(), frequency)
    loss = F.cross_entropy(layer(torch.randn(1000, 16)), y)
    assert loss.item() == pytest.approx(-(frequency * frequency.log()).sum().item(), abs=0.01)
    scratch = torch.tensor(class_bias(frequency.tolist(), steps=4000)).softmax(0)
    torch.testing.assert_close(scratch, frequency, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("classes", "loss"), [(2, 0.693), (10, 2.303), (1000, 6.908)])
def test_balanced_classes_start_at_log_c(classes, loss):
    """With C balanced classes the first loss is log C: 0.693 for two, 2.303 for ten, 6.908 for a thousand."""
    torch.manual_seed(0)
    y = torch.arange(classes).repeat(max(20, 10_000 // classes))
    layer = init_class_bias(nn.Linear(16, classes), y.bincount())
    assert F.cross_entropy(layer(torch.randn(len(y), 16)), y).item() == pytest.approx(loss, abs=0.002)
    assert math.log(classes) == pytest.approx(loss, abs=0.0005)


@pytest.mark.parametrize("weight", [0.2, 1.0, 99.0])
@pytest.mark.parametrize("prior", [0.01, 0.3])
def test_class_weights_change_the_prior(weight, prior):
    """pos_weight v: the best constant is v pi / (v pi + 1 - pi); class weights v_c: v_c pi_c over their sum."""
    y = torch.zeros(1000, dtype=torch.float64)
    y[: round(1000 * prior)] = 1
    seen = weight * prior / (weight * prior + 1 - prior)
    b = torch.tensor(math.log(seen / (1 - seen)), dtype=torch.float64, requires_grad=True)
    F.binary_cross_entropy_with_logits(b.expand(1000), y, pos_weight=torch.tensor(weight)).backward()
    assert b.grad is not None
    assert b.grad.abs() < 1e-9

    weights = torch.tensor([1.0, weight, 3.0], dtype=torch.float64)
    frequency = torch.tensor([0.7 - prior / 2, prior / 2, 0.3], dtype=torch.float64)
    logits = (weights * frequency / (weights * frequency).sum()).log().requires_grad_()
    labels = torch.arange(3).repeat_interleave((1000 * frequency).round().long())
    F.cross_entropy(logits.expand(len(labels), 3), labels, weight=weights).backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-9


def test_regression_starts_at_the_variance():
    """Regression: b = mean of the targets; the first squared error is their variance and the outputs' squared spread.

    With a bias of 0 it is mean^2 + variance.
    """
    torch.manual_seed(0)
    x, y = torch.randn(2000, 8), 40 + 3 * torch.randn(2000, 1)
    loss = F.mse_loss(init_mean_bias(nn.Linear(8, 1), y)(x), y).item()
    assert loss == pytest.approx(y.var().item(), rel=0.01)
    zero = nn.Linear(8, 1)
    assert F.mse_loss(zero(x), y).item() > 150 * loss
    for inputs, deviation in ((64, 0.1), (64, 0.01), (2048, 0.1), (2048, 3.0)):
        x, y = torch.randn(4096, inputs), 40 + deviation * torch.randn(4096, 1)
        found = [F.mse_loss(init_mean_bias(nn.Linear(inputs, 1), y)(x), y).item() for _ in range(50)]
        assert sum(found) / 50 == pytest.approx(y.var().item() + 0.01**2 * inputs, rel=0.1)


def test_bias_gradient_vanishes():
    """On the whole set the bias has gradient zero at the prior, 0.49 at bias 0; in a batch without positives 0.01."""
    torch.manual_seed(0)
    x, y = torch.randn(1000, 64), (torch.arange(1000) % 100 == 0).float()

    def gradient(prior: float, rows: slice) -> float:
        layer = init_binary_bias(nn.Linear(64, 1), prior)
        F.binary_cross_entropy_with_logits(layer(x[rows]).squeeze(1), y[rows]).backward()
        assert layer.bias.grad is not None
        return layer.bias.grad.item()

    assert gradient(0.01, slice(None)) == pytest.approx(0, abs=2e-4)  # not 0 to the last bit: the weights are not 0
    assert gradient(0.5, slice(None)) == pytest.approx(0.49, abs=5e-3)
    assert y[1:65].sum() == 0
    assert gradient(0.01, slice(1, 65)) == pytest.approx(0.01, rel=0.05)


@pytest.fixture(scope="module")
def runs(evidence) -> Callable[[str], Tensor]:
    """Losses of the figure's runs, (seeds, steps); the figure shows their mean."""

    def of(start: str) -> Tensor:
        losses = torch.tensor(evidence()[start])
        assert losses.shape == (SEEDS, STEPS)
        return losses

    return of


def test_prior_removes_fall_and_bounce(runs):
    """Without the prior: from 0.7 to a low, and up by a third before step 20. With it: from the entropy, never up."""
    for start in STARTS[:2]:
        losses = runs(start).mean(0)[:20]
        low = int(losses.argmin())
        assert losses[0].item() == pytest.approx(0.7, abs=0.07)
        assert losses[low] < 0.25 * losses[0]
        assert losses[low:].max() > 1.33 * losses[low]
        assert losses[-1] < losses[low:].max()  # the bounce is over: it falls again
    losses = runs(STARTS[2])
    prior = load()[1].mean().item()
    assert losses.mean(0)[0].item() == pytest.approx(entropy(prior), rel=0.01)
    assert (losses.diff(dim=1) < 0).all()
    assert (losses[:, :20] > 0.9 * entropy(prior)).all()


def test_prior_is_not_faster_afterwards(runs):
    """At step 60 each run without the prior is below each with it; at the end the means differ by less than a fourth.

    At ten times the learning rate the mean with the prior is below half of the others' at step 60.
    """
    default, zero, prior = (runs(start) for start in STARTS)
    assert max(default[:, 59].max(), zero[:, 59].max()) < 0.8 * prior[:, 59].min()
    means = torch.stack([default[:, -1], zero[:, -1], prior[:, -1]]).mean(1)
    assert means.max() < 1.25 * means.min()
    with learning_rate_times(10):
        fast = torch.tensor([[train(start, seed, *load())[59] for seed in range(SEEDS)] for start in STARTS]).mean(1)
    assert fast[2] < 0.5 * fast[:2].min()


def test_large_weights_drown_the_bias():
    """Weights of deviation 1 on 64 unit inputs: the mean prediction is above 0.2 instead of 0.01."""
    torch.manual_seed(0)
    x = torch.randn(4096, 64)
    assert init_binary_bias(nn.Linear(64, 1), 0.01, weight_std=1.0)(x).sigmoid().mean() > 0.2


def test_balanced_sampling_needs_another_prior():
    """The prior is that of the batches: with balanced batches, pi = 0.01 makes the first loss 2.3 instead of 0.69."""
    y = (torch.arange(1000) % 2 == 0).float()
    logits = torch.full((1000,), math.log(0.01 / 0.99))
    assert F.binary_cross_entropy_with_logits(logits, y).item() == pytest.approx(2.31, abs=0.01)


def test_sum_over_anchors():
    """A detector with 100,000 anchors sums its losses: 69,315 with bias 0, 1,005 at pi = 0.01, all of them negative."""
    y = torch.zeros(100_000, dtype=torch.float64)
    zero = F.binary_cross_entropy_with_logits(torch.zeros_like(y), y, reduction="sum")
    prior = F.binary_cross_entropy_with_logits(torch.full_like(y, math.log(0.01 / 0.99)), y, reduction="sum")
    assert zero.item() == pytest.approx(69_315, abs=1)
    assert prior.item() == pytest.approx(1_005, abs=1)


def test_empty_class():
    """A class without samples gives minus infinity unless counts are smoothed."""
    counts = torch.tensor([10, 0])
    assert init_class_bias(nn.Linear(2, 2), counts, smoothing=0.0).bias[1] == -math.inf
    assert torch.isfinite(init_class_bias(nn.Linear(2, 2), counts).bias).all()
    layer = init_class_bias(nn.Linear(2, 2), counts, smoothing=0.0)
    for optimizer in (torch.optim.SGD(layer.parameters(), lr=1.0), torch.optim.AdamW(layer.parameters(), lr=0.1)):
        for _ in range(20):
            loss = F.cross_entropy(layer(torch.randn(4, 2)), torch.tensor([0, 0, 1, 0]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            assert loss.item() == math.inf
            assert layer.bias[1] == -math.inf
    counts = torch.tensor([10.0] + [0.0] * 999)  # far fewer samples than classes: 1 outweighs them
    for smoothing, first in ((1.0, 11 / 1010), (1e-3, 10.001 / 11)):
        bias = init_class_bias(nn.Linear(2, 1000), counts, smoothing=smoothing).bias
        assert bias.softmax(0)[0].item() == pytest.approx(first, rel=1e-3)


def test_counts_overflow_float16():
    """Counts above 65,504 are infinite in float16, and their frequencies NaN; the page's code computes wider."""
    counts = torch.tensor([100_000, 900_000, 10])
    assert torch.tensor([65_504, 65_536]).half().isinf().tolist() == [False, True]
    low = counts.half()
    assert (low / low.sum()).log().isnan().any()
    expected = (counts / counts.sum()).log()
    for dtype, places in ((torch.float16, 4e-3), (torch.bfloat16, 0.04), (torch.float64, 1e-6)):
        layer = init_class_bias(nn.Linear(4, 3, dtype=dtype), counts, smoothing=0.0)
        assert layer.bias.dtype == dtype
        torch.testing.assert_close(layer.bias.detach().float(), expected, rtol=0, atol=places)
        layer = init_binary_bias(nn.Linear(4, 1, dtype=dtype), 0.999)  # 1 if it were rounded to bfloat16
        assert layer.bias.item() == pytest.approx(math.log(999), abs=0.02)


def test_later_init_undoes_it():
    """A general initializer that zeroes biases, applied after the last layer was set, sets its bias to 0."""

    def general(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    init_binary_bias(model[2], 0.01)
    model.apply(general)
    assert model[2].bias.item() == 0
    init_binary_bias(model[2], 0.01)  # last
    assert model[2].bias.item() == pytest.approx(-4.595, abs=1e-3)


def test_bad_prior():
    for prior in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="strictly between"):
            init_binary_bias(nn.Linear(2, 1), prior)


def test_a_prior_for_each_output():
    layer = init_binary_bias(nn.Linear(4, 3), torch.tensor([0.1, 0.5, 0.9]))
    torch.testing.assert_close(layer.bias.sigmoid().detach(), torch.tensor([0.1, 0.5, 0.9]))
    assert layer.bias.requires_grad
