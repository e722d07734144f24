"""Batch normalization: equal to torch with its buffers, what the running statistics are, and the claims of its page."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.batch_normalization.evidence_statistics import network, recomputed
from snippets.normalization.batch_normalization.from_scratch import BatchNorm
from snippets.normalization.batch_normalization.use import conv_norm

TORCHS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"momentum": None},
    {"momentum": 0.3},
    {"affine": False},
    {"track_running_stats": False},
    {"eps": 0.1},
]
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}  # a few last bits


def spread(layer: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Parameters that are no ones and zeros. 16-bit inputs meet float32 parameters, as under autocast."""
    torch.manual_seed(1)
    for p in layer.parameters():
        nn.init.normal_(p)
    return layer.double() if dtype == torch.float64 else layer


@pytest.mark.parametrize(("options", "dtype"), [*((o, torch.float64) for o in OPTIONS), *(({}, d) for d in ROUNDING)])
@pytest.mark.parametrize("shape", [(8, 5), (4, 5, 6), (3, 5, 4, 2), (2, 5, 3, 2, 4)])
def test_equals_torch(shape: tuple[int, ...], dtype: torch.dtype, options: dict[str, Any]) -> None:
    """Output, gradients of input and parameters and the buffers, over three batches and in eval mode."""
    ours, torchs = (spread(make(5, **options), dtype) for make in (BatchNorm, TORCHS[len(shape)]))
    torchs.load_state_dict(ours.state_dict())
    for mode in (True, True, True, False):
        x = (3 * torch.randn(shape, dtype=torch.float64) + 1).to(dtype)
        sides = []
        for layer in (ours.train(mode), torchs.train(mode)):
            layer.zero_grad()
            own = x.clone().requires_grad_()
            out = layer(own)
            (out * torch.arange(out.numel()).view(shape).sin().to(dtype)).sum().backward()
            sides.append([out, own.grad, *(p.grad for p in layer.parameters()), *layer.buffers()])
        assert sides[0][0].dtype == dtype
        for mine, its in zip(*sides, strict=True):
            assert mine.dtype == its.dtype
            scale = max(1.0, its.abs().max().item())
            assert (mine.double() - its.double()).abs().max().item() < 4 * ROUNDING[dtype] * scale


def test_one_dimension() -> None:
    """BatchNorm1d normalizes axis 1 of two or three; 64 features last raise the page's text, 64 in both are silent."""
    torch.manual_seed(0)
    layer = nn.BatchNorm1d(64, dtype=torch.float64)
    for shape in [(32, 64), (32, 64, 7)]:
        out = layer(torch.randn(shape, dtype=torch.float64) + 3).movedim(1, 0).flatten(1)
        torch.testing.assert_close(out.mean(dim=1), torch.zeros(64, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="running_mean should contain 7 elements not 64"):
        layer(torch.randn(32, 7, 64, dtype=torch.float64))
    tokens = torch.randn(32, 64, 64, dtype=torch.float64) + torch.arange(64)  # each feature has its own mean
    assert layer(tokens).mean(dim=(0, 1)).abs().max() > 1
    assert layer(tokens.transpose(1, 2)).mean(dim=(0, 2)).abs().max() < 1e-9


def test_figure_shows_the_channel_in_the_whole_batch(evidence) -> None:
    """All pixels of the framed channel in each sample, nothing else; the layer from scratch reaches the same."""
    reached = torch.tensor(evidence("axes"), dtype=torch.bool)
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[:, PLACE[1]] = True
    assert torch.equal(reached, expected)
    assert torch.equal(reach(BatchNorm(SHAPE[1])), expected)


def test_train_mode_depends_on_the_others() -> None:
    """In training mode an image's output changes with the others of its batch; in eval mode it does not."""
    torch.manual_seed(0)
    model, x = conv_norm(3, 8).double(), torch.rand(16, 3, 8, 8, dtype=torch.float64)
    for _ in range(5):
        model(x)
    for mode in (True, False):
        model.train(mode)
        among, alone = model(x)[:1], model(x[:1])
        others = model(torch.cat([x[:1], 3 * x[1:]]))[:1]
        if mode:
            assert min((among - alone).abs().max(), (among - others).abs().max()) > 0.05
        else:
            torch.testing.assert_close(among, alone)
            torch.testing.assert_close(among, others)


@pytest.mark.parametrize("bias", [-3.0, 0.1, 100.0])
def test_bias_before_has_no_effect(bias: float) -> None:
    """A bias before the layer changes no output and gets a gradient of 0, but for rounding."""
    torch.manual_seed(0)
    conv, x = nn.Conv2d(3, 8, 3).double(), torch.rand(4, 3, 6, 6, dtype=torch.float64)
    norm = nn.BatchNorm2d(8).double()
    nn.init.zeros_(conv.bias)
    without = norm(conv(x))
    nn.init.constant_(conv.bias, bias)
    with_bias = norm(conv(x))
    torch.testing.assert_close(with_bias, without)
    (with_bias * torch.randn_like(with_bias)).sum().backward()
    assert conv.bias.grad.abs().max() < 1e-9 < conv.weight.grad.abs().max()
    assert conv_norm(3, 8)[0].bias is None


def test_lazy_and_functional() -> None:
    """Lazy forms take the width of their first input; F.batch_norm uses what it is given unless training=True."""
    for lazy, shape in [
        (nn.LazyBatchNorm1d, (4, 7)),
        (nn.LazyBatchNorm2d, (4, 7, 2, 2)),
        (nn.LazyBatchNorm3d, (4, 7, 2, 2, 2)),
    ]:
        layer, x = lazy(), torch.randn(shape)
        layer(x)
        assert layer.num_features == 7
        mean, var = torch.full((7,), 2.0), torch.full((7,), 4.0)
        torch.testing.assert_close(F.batch_norm(x, mean, var, eps=0.0), (x - 2) / 2)
        torch.testing.assert_close(F.batch_norm(x, mean, var, training=True), TORCHS[x.dim()](7)(x))


@pytest.mark.parametrize(("count", "ratio"), [(2, 2.0), (5, 1.25), (32, 1.03)])
def test_two_variances(count: int, ratio: float) -> None:
    """The output is divided by the root of the sum over m, the running variance collects the sum over m - 1."""
    torch.manual_seed(0)
    x = torch.randn(count, 3, dtype=torch.float64)
    layer = nn.BatchNorm1d(3, eps=1e-14, momentum=1.0).double()
    divided = ((x - x.mean(dim=0)) / layer(x)).square()[0]
    torch.testing.assert_close(divided, x.var(dim=0, correction=0))
    torch.testing.assert_close(layer.running_var, x.var(dim=0, correction=1))
    assert (layer.running_var / divided).tolist() == pytest.approx([ratio] * 3, abs=0.005)
    draws = torch.randn(20_000, count, dtype=torch.float64)  # the second does not underestimate on average
    assert draws.var(dim=1, correction=1).mean().item() == pytest.approx(1, abs=0.03)
    assert draws.var(dim=1, correction=0).mean().item() == pytest.approx(1 - 1 / count, abs=0.03)


@pytest.mark.parametrize(
    ("momentum", "batches", "left"), [(0.1, 22, 0.098), (0.001, 22, 0.978), (0.9, 3, 0.001), (0.01, 100, 0.366)]
)
def test_momentum_is_the_share_of_the_new(momentum: float, batches: int, left: float) -> None:
    """After k batches (1 - momentum)^k of the initial statistics is left."""
    assert (1 - momentum) ** batches == pytest.approx(left, abs=6e-4)
    x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64) * 3 + 5  # mean 5, variance over m - 1: 18
    layer = nn.BatchNorm1d(1, momentum=momentum).double()
    for _ in range(batches):
        layer(x)
    assert layer.running_mean.item() == pytest.approx(5 * (1 - (1 - momentum) ** batches))
    assert layer.running_var.item() == pytest.approx(18 - 17 * (1 - momentum) ** batches)


def test_momentum_none_is_the_plain_mean() -> None:
    """momentum=None: the mean over all batches since the last reset, whatever was before."""
    torch.manual_seed(0)
    layer = nn.BatchNorm1d(4, momentum=None).double()
    layer(torch.randn(8, 4, dtype=torch.float64) + 50)
    layer.reset_running_stats()
    batches = torch.randn(7, 8, 4, dtype=torch.float64)
    for x in batches:
        layer(x)
    torch.testing.assert_close(layer.running_mean, batches.mean(dim=(0, 1)))
    torch.testing.assert_close(layer.running_var, batches.var(dim=1).mean(dim=0))


@pytest.mark.parametrize("factor", [0.1, 10.0, 1000.0])
def test_scale_of_weights_cancels(factor: float) -> None:
    """Weights that are a times as large: the same output, and a gradient divided by a."""
    torch.manual_seed(0)
    x, results = torch.randn(32, 8, dtype=torch.float64), []
    linear, norm = nn.Linear(8, 6, bias=False).double(), nn.BatchNorm1d(6, eps=1e-14).double()
    target = torch.randn(32, 6, dtype=torch.float64)
    for scale in (1.0, factor):
        weight = (scale * linear.weight).detach().requires_grad_()
        out = norm(x @ weight.T)
        (out - target).square().sum().backward()
        results.append((out, scale * weight.grad))
    for one, scaled in zip(*results, strict=True):
        torch.testing.assert_close(one, scaled)


def test_higher_rates_on_digits(evidence) -> None:
    """The mean is higher at 0.3, 1 and 3; the plain one stays below half at 1, guesses at 3; no gain at 0.03."""
    plain, normalized = (torch.tensor(evidence()[name]["by rate"]) for name in ("without", "batch normalization"))
    assert (normalized[2:].mean(dim=1) > plain[2:].mean(dim=1)).all()
    assert plain[3].max() < 0.5  # of nine seeds as three processors round: up to 0.35
    assert plain[3].median() < 0.3
    assert plain[4].max() < 0.15
    assert normalized[1:].median(dim=1).values.min() > 0.8
    assert normalized[0].mean() < plain[0].mean() + 0.1


def test_batch_of_two_on_digits(evidence) -> None:
    """With 2 samples a batch the mean is below 30% with batch normalization, and it gains less than five points."""
    plain, normalized = (torch.tensor(evidence()[name]["by batch"])[0] for name in ("without", "batch normalization"))
    assert normalized.mean() < min(0.3, plain.mean() + 0.05)


def test_statistics_go_wrong(evidence) -> None:
    """In five ways eval mode loses 5 points against train mode, one by momentum 0.9; the cure is within 2 of it."""
    rows = evidence("statistics")
    assert len(rows) == 5
    for name, row in rows.items():
        assert row["eval mode"] < row["train mode"] - (0.01 if name.startswith("momentum 0.9") else 0.05)
        assert row["eval mode, cured"] > row["train mode"] - 0.02


@pytest.mark.parametrize("make", [BatchNorm, nn.BatchNorm2d])
def test_untracked_is_the_same_in_both_modes(make: type) -> None:
    """track_running_stats=False: no buffers, and eval mode gives what training mode gives, by the batch."""
    torch.manual_seed(0)
    layer, x = make(4, track_running_stats=False), torch.randn(8, 4, 3, 3) + 2
    assert [b for b in layer.buffers() if b is not None] == []
    assert torch.equal(layer.train()(x), layer.eval()(x))
    assert (layer(x)[:2] - layer(x[:2])).abs().max() > 0.1


@pytest.mark.parametrize(
    ("make", "space"), [(nn.BatchNorm1d, ()), (nn.BatchNorm2d, (3, 3)), (nn.BatchNorm3d, (3, 3, 3))]
)
def test_the_attribute_only_stops_updates(make: type, space: tuple[int, ...]) -> None:
    """Set on a layer that has buffers: training mode leaves them, and eval mode still normalizes by them."""
    torch.manual_seed(0)
    layer, x = make(4), torch.randn(8, 4, *space)
    layer(x + 5)
    before, expected = copy.deepcopy(layer.state_dict()), copy.deepcopy(layer).eval()(x)
    layer.track_running_stats = False
    assert torch.equal(layer.train()(x), F.batch_norm(x, None, None, layer.weight, layer.bias, training=True))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert torch.equal(layer.eval()(x), expected)


def test_old_share_is_one_minus_new() -> None:
    """Moving averages by the rule m * old + (1 - m) * batch: m = 0.99 gives torch's at 0.01, and 0.9 at 0.1."""
    torch.manual_seed(0)
    batches = torch.randn(20, 16, 3, dtype=torch.float64) + 2
    for share in (0.9, 0.99):
        mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        layer = nn.BatchNorm1d(3, momentum=1 - share).double()
        for x in batches:
            layer(x)
            mean = share * mean + (1 - share) * x.mean(dim=0)
            var = share * var + (1 - share) * x.var(dim=0, correction=1)
        torch.testing.assert_close(layer.running_mean, mean)
        torch.testing.assert_close(layer.running_var, var)


@pytest.mark.parametrize("size", [2])
@pytest.mark.parametrize("seed", range(3))
def test_variance_of_small_batches_on_digits(size: int, seed: int) -> None:
    """Trained by 2 samples: the test loss in eval mode is lower with the running variance times (m - 1) / m."""
    torch.manual_seed(seed)
    digits = load_digits()
    order = torch.randperm(len(digits.target))
    x, y = torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for batch in torch.randint(1000, (1600 // size, size)):
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model = recomputed(model, x[torch.randint(1000, (400, size))]).eval()
    losses = []
    for factor in (1.0, (size - 1) / size):
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm1d):
                layer.running_var.mul_(factor)
        losses.append(F.cross_entropy(model(x[1000:]), y[1000:]).item())
    assert losses[1] < losses[0] - 0.01


def test_no_grad_does_not_stop_tracking() -> None:
    """Under no_grad a forward pass in train mode moves mean, variance and count; in eval mode none of them."""
    model, x = conv_norm(3, 4).double(), torch.rand(4, 3, 5, 5, dtype=torch.float64)
    for mode in (True, False):
        before = copy.deepcopy(dict(model.train(mode).named_buffers()))
        with torch.no_grad():
            model(x)
        assert len(before) == 3
        assert all(torch.equal(b, before[name]) != mode for name, b in model.named_buffers())


@pytest.mark.parametrize("make", [BatchNorm, nn.BatchNorm2d])
def test_one_value_is_refused(make: type) -> None:
    """One sample of one pixel raises; two of either do not; eval mode takes one, unless nothing is tracked."""
    message = r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 4, 1, 1\]\)"
    one = torch.rand(1, 4, 1, 1)
    with pytest.raises(ValueError, match=message):
        make(4)(one)
    for shape in [(2, 4, 1, 1), (1, 4, 1, 2), (1, 4, 2, 1)]:
        assert make(4)(torch.rand(shape)).isfinite().all()
    assert make(4).eval()(one).isfinite().all()
    with pytest.raises(ValueError, match=message):
        make(4, track_running_stats=False).eval()(one)


def gradient(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Mean of the batches' gradients, as one vector."""
    model.zero_grad()
    for x, y in batches:
        (F.cross_entropy(model(x), y) / len(batches)).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.LayerNorm])
def test_accumulation_is_not_a_large_batch(norm: type, seed: int) -> None:
    """On digits, 4 x 16 differs from 64 by over 10% with batch normalization, and not with layer normalization."""
    torch.manual_seed(seed)
    digits = load_digits()
    x, y = torch.tensor(digits.data[:64], dtype=torch.float64) / 16, torch.tensor(digits.target[:64])
    model = nn.Sequential(nn.Linear(64, 32), norm(32), nn.ReLU(), nn.Linear(32, 10)).double()
    whole = gradient(model, [(x, y)])
    parts = gradient(model, list(zip(x.split(16), y.split(16), strict=True)))
    apart = ((parts - whole).norm() / whole.norm()).item()
    if norm is nn.BatchNorm1d:
        assert apart > 0.1
    else:
        assert apart < 1e-12


def test_state_dict_of_torch_loads(tmp_path) -> None:
    """torch's state loads into the layer from scratch and back, keys and values."""
    torchs, ours = nn.BatchNorm2d(3), BatchNorm(3)
    torchs(torch.rand(4, 3, 2, 2))
    torch.save(torchs.state_dict(), tmp_path / "state.pt")
    ours.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert json.dumps({k: v.tolist() for k, v in ours.state_dict().items()}) == json.dumps(
        {k: v.tolist() for k, v in torchs.state_dict().items()}
    )
