"""Layer normalization: equal to torch with gradients, closed forms, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.layer_normalization.evidence import BATCHES, NORMS, SEEDS, accuracy
from snippets.normalization.layer_normalization.from_scratch import LayerNorm
from snippets.normalization.layer_normalization.use import LayerNorm2d
from tests.support.rates import learning_rate_times


def pair(features: int, **settings) -> tuple[LayerNorm, nn.LayerNorm]:
    """Ours and torch's with the same weights, which are not 1 and 0."""
    given = dict(settings)
    theirs = nn.LayerNorm(features, elementwise_affine=given.pop("affine", True), **given)
    for p in theirs.parameters():
        nn.init.normal_(p, mean=1.0)
    ours = LayerNorm(features, **settings)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def forward_and_gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of the input and the parameters for a random gradient of the output."""
    x = x.clone().requires_grad_()
    out = layer(x)
    generator = torch.Generator().manual_seed(1)
    out.backward(torch.randn(out.shape, generator=generator).to(out.dtype))
    assert x.grad is not None
    return [out.detach(), x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]


# The rounding of one operation in each type; float32 and wider add up a few dozen of them.
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.03, torch.float16: 0.004}


@pytest.mark.parametrize("shape", [(5, 12), (3, 5, 12), (2, 3, 4, 12), (1, 1), (0, 12)])
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize("settings", [{}, {"eps": 1e-3}, {"affine": False}, {"bias": False}])
def test_equals_torch(settings, dtype, shape) -> None:
    """Output and all gradients equal torch's: inputs of 2 to 4 dimensions, four types, four settings."""
    torch.manual_seed(0)
    ours, theirs = pair(shape[-1], **settings)
    magnified = 1 / 1e-5**0.5 if shape[-1] == 1 else 1.0  # one feature has variance 0: rounding is divided by √eps
    x = (2 + 3 * torch.randn(shape)).to(dtype)
    mine, reference = (forward_and_gradients(layer.to(dtype), x) for layer in (ours, theirs))
    assert len(mine) == len(reference)
    for a, b in zip(mine, reference, strict=True):
        assert a.dtype == b.dtype == dtype
        size = b.abs().max().item() if b.numel() else 0.0
        torch.testing.assert_close(a, b, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype] * max(size, magnified))


def test_maps_over_channels() -> None:
    """LayerNorm2d equals the formula over the channels of each pixel; shape and parameters are LayerNorm's."""
    torch.manual_seed(0)
    layer, x = LayerNorm2d(6, eps=1e-3), 2 + torch.randn(2, 6, 5, 4)
    for p in layer.parameters():
        nn.init.normal_(p)
    root = (x.var(dim=1, correction=0, keepdim=True) + 1e-3).sqrt()
    by_hand = (x - x.mean(dim=1, keepdim=True)) / root * layer.weight.view(6, 1, 1) + layer.bias.view(6, 1, 1)
    assert torch.allclose(layer(x), by_hand, atol=1e-5)
    assert layer(x).shape == x.shape


@pytest.mark.parametrize("training", [True, False])
def test_alone_and_in_a_batch(training: bool) -> None:
    """A sample gives the same output alone and in batches of 2 and 64, in train and in eval mode; no buffers."""
    torch.manual_seed(0)
    layer = nn.LayerNorm(16).train(training)
    x = 3 + torch.randn(64, 5, 16)
    for size in (2, 64):
        assert torch.equal(layer(x[:size])[:1], layer(x[:1]))
    assert not list(layer.buffers())


@pytest.mark.parametrize(("scale", "shift"), [(10.0, 0.0), (1e-2, 0.0), (1.0, 100.0), (50.0, -7.0)])
def test_scale_and_shift_of_a_vector(scale: float, shift: float) -> None:
    """Scaling a vector by a positive number and shifting all its elements changes nothing, up to eps."""
    torch.manual_seed(0)
    layer = nn.LayerNorm(64, eps=1e-12).double()
    x = torch.randn(4, 64, dtype=torch.float64)
    assert torch.allclose(layer(scale * x + shift), layer(x), atol=1e-7)


def test_gradient_loses_two_components() -> None:
    """The input's gradient has mean 0 and no component along the normalized vector, for any gradient that arrives."""
    torch.manual_seed(0)
    for features in (3, 64):
        x = torch.randn(8, features, dtype=torch.float64, requires_grad=True)
        out = nn.functional.layer_norm(x, (features,), eps=0.0)
        arrived = 5 + torch.randn_like(out)
        (gradient,) = torch.autograd.grad(out, x, arrived)
        assert gradient.mean(dim=-1).abs().max() < 1e-12
        assert (gradient * out).mean(dim=-1).abs().max() < 1e-12
        kept = arrived - arrived.mean(-1, keepdim=True) - out * (arrived * out).mean(-1, keepdim=True)
        assert torch.allclose(gradient, kept / x.std(dim=-1, correction=0, keepdim=True))


@pytest.mark.parametrize("features", [2, 8, 64])
def test_biased_variance(features: int) -> None:
    """torch divides by n; (x - x.mean()) / x.std() divides by n - 1 and is smaller by the root of (n - 1) / n."""
    torch.manual_seed(0)
    x = torch.randn(5, features, dtype=torch.float64)
    out = nn.functional.layer_norm(x, (features,), eps=0.0)
    by_hand = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
    assert torch.allclose(by_hand, out * ((features - 1) / features) ** 0.5)
    assert torch.allclose(out.square().mean(-1), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize(("std", "left"), [(1.0, 1.0), (0.01, 0.95), (1e-3, 0.30)])
def test_eps_matters_for_small_inputs(std: float, left: float) -> None:
    """With eps 1e-5, an input of standard deviation 1, 0.01 and 0.001 comes out with 1, 0.95 and 0.30."""
    torch.manual_seed(0)
    x = torch.randn(4, 1000)
    x = std * (x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True)
    assert nn.LayerNorm(1000)(x).std(dim=-1, correction=0).tolist() == pytest.approx([left] * 4, abs=0.006)


def test_padding_does_not_matter() -> None:
    """Tokens of padding change no other token's output; BatchNorm1d over the same tokens they do change."""
    torch.manual_seed(0)
    tokens = torch.randn(4, 6, 16)
    padded = torch.cat([tokens, torch.zeros(4, 10, 16)], dim=1)
    layer, batch = nn.LayerNorm(16), nn.BatchNorm1d(16)
    assert torch.equal(layer(padded)[:, :6], layer(tokens))
    by_batch = [batch(x.transpose(1, 2)).transpose(1, 2)[:, :6] for x in (tokens, padded)]
    assert (by_batch[0] - by_batch[1]).abs().max() > 0.5


def test_whole_sample_is_group_norm() -> None:
    """LayerNorm([C, H, W]) equals GroupNorm(1, C), but has a weight for each element and a fixed image size."""
    torch.manual_seed(0)
    x = 2 + torch.randn(3, 6, 4, 5)
    layer, group = nn.LayerNorm([6, 4, 5]), nn.GroupNorm(1, 6)
    assert torch.allclose(layer(x), group(x), atol=1e-5)
    assert (layer(x) - LayerNorm2d(6)(x)).abs().max() > 0.5
    assert (layer.weight.numel(), group.weight.numel()) == (6 * 4 * 5, 6)
    group(torch.randn(3, 6, 8, 8))
    with pytest.raises(RuntimeError, match=r"normalized_shape=\[6, 4, 5\]"):
        layer(torch.randn(3, 6, 8, 8))


def test_channels_first_raises_or_is_silent() -> None:
    """LayerNorm(64) on (batch, 64, 8, 8) raises the quoted error; on width 64 it normalizes the width, silently."""
    with pytest.raises(RuntimeError, match=r"Given normalized_shape=\[64\], expected input with shape \[\*, 64\]"):
        nn.LayerNorm(64)(torch.randn(2, 64, 8, 8))
    torch.manual_seed(0)
    x = torch.randn(2, 64, 64, 64) * torch.arange(1.0, 65.0).view(64, 1, 1)  # channels of very different size
    wrong, right = nn.LayerNorm(64)(x), LayerNorm2d(64)(x)
    assert wrong.mean(dim=3).abs().max() < 1e-5  # each row of the width
    assert wrong.mean(dim=1).abs().max() > 0.1
    assert right.mean(dim=1).abs().max() < 1e-5


def test_one_feature_is_erased() -> None:
    """LayerNorm(1) returns its bias for every input, and its input gets no gradient; two features become 1 and -1."""
    torch.manual_seed(0)
    one, two = nn.LayerNorm(1), nn.LayerNorm(2)
    nn.init.constant_(one.bias, 0.7)
    x = (100 * torch.randn(50, 1)).requires_grad_()
    out = one(x)
    assert out.flatten().tolist() == pytest.approx([0.7] * 50, abs=0.01)  # rounding of 100, divided by √eps
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() < 0.01
    pairs = two(100 * torch.randn(50, 2))
    assert pairs.abs().min() > 0.95
    assert pairs.sum(dim=1).abs().max() < 1e-4


def test_two_passes_are_needed() -> None:
    """In float32, mean(x^2) - mean(x)^2 of numbers near 1000 with spread 0.01 is negative, so its root is NaN."""
    torch.manual_seed(0)
    x = 1000 + 0.01 * torch.randn(100, 256)
    variance = x.square().mean(-1) - x.mean(-1).square()
    by_hand = (x - x.mean(-1, keepdim=True)) / (variance + 1e-5).sqrt().unsqueeze(-1)
    assert by_hand.isnan().any()
    exact = nn.functional.layer_norm(x.double(), (256,))
    for layer in (nn.LayerNorm(256), LayerNorm(256)):
        assert (layer(x) - exact).abs().max() < 0.02  # the mean near 1000 is rounded to 6e-5, divided by √(σ² + eps)


def test_small_batches_on_digits(evidence) -> None:
    """Means of two seeds: at 2, layer norm is over 5 points above the others; at ten times the rate all below 50%.

    At 64 layer norm and batch norm lie within 3 points, and no normalization comes last.
    """
    few, _, many = ({name: sum(rows[i]) / SEEDS for name, rows in evidence().items()} for i in range(len(BATCHES)))
    assert BATCHES == [2, 8, 64]
    assert few["layer norm"] > max(few["batch norm"], few["no normalization"]) + 0.05
    assert abs(many["batch norm"] - many["layer norm"]) < 0.03
    assert many["no normalization"] < min(many["batch norm"], many["layer norm"])
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(10):
        fast = [[accuracy(norm, 2, seed, x, y) for seed in range(SEEDS)] for norm, _ in NORMS.values()]
    assert max(sum(of_norm) / SEEDS for of_norm in fast) < 0.5


def test_what_shares_statistics(evidence) -> None:
    """LayerNorm2d: the channels of one pixel of one sample; LayerNorm([C, H, W]): one whole sample."""
    reached = {name: torch.tensor(value) for name, value in evidence("axes").items()}  # (batch, channel, height, width)
    pixel, sample = reached["over the channels of a pixel"], reached["over the whole sample"]
    assert pixel[1, :, 1, 1].all()
    assert pixel.sum() == pixel.shape[1]
    assert sample[1].all()
    assert sample.sum() == sample[1].numel()
