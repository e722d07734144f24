"""Switchable normalization: equal to torch's three layers at its corners, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snippets.normalization.switchable_normalization import from_scratch, use
from snippets.normalization.switchable_normalization.evidence import BATCHES, SEEDS

FORMS = [use.SwitchNorm, from_scratch.SwitchNorm]
SPACES = [(7,), (5, 4), (3, 4, 2)]


def corner(form: type, place: int, channels: int = 6) -> nn.Module:
    """All weight on one statistic: 0 instance, 1 layer, 2 batch; scale and shift are not 1 and 0."""
    torch.manual_seed(1)
    layer = form(channels).double()
    with torch.no_grad():
        layer.mean_logits[place] = layer.var_logits[place] = 60.0
        layer.weight.normal_()
        layer.bias.normal_()
    return layer


def torchs(place: int, dimensions: int, channels: int = 6) -> nn.Module:
    """The layer of torch at that corner."""
    if place == 1:
        return nn.GroupNorm(1, channels)
    kind = ("InstanceNorm", "", "BatchNorm")[place]
    made = getattr(nn, f"{kind}{dimensions}d")(channels, affine=True)
    assert isinstance(made, nn.Module)
    return made


def results(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, and gradients of the input, scale and shift."""
    x = x.clone().requires_grad_()
    out = layer(x)
    out.mul(torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)).sum().backward()
    return [out, x.grad, layer.weight.grad, layer.bias.grad]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_corners_equal_torch(form: type, place: int, space: tuple[int, ...]) -> None:
    """With all weight on one statistic: output, gradients and eval mode, and for the batch buffers, equal torch's."""
    ours, theirs = corner(form, place), torchs(place, len(space)).double()
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    torch.manual_seed(0)
    for _ in range(3):
        x = 3 + 2 * torch.randn(4, 6, *space, dtype=torch.float64)
        for a, b in zip(results(ours, x), results(theirs, x), strict=True):
            torch.testing.assert_close(a, b)
    if place == 2:
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("training", [True, False])
def test_two_forms_are_one(training: bool) -> None:
    """Three statistics, and those from sums over channels, are equal at any proportions, gradients too."""
    torch.manual_seed(0)
    layers = [form(6).double().train(training) for form in FORMS]
    for p in layers[0].parameters():
        nn.init.normal_(p)
    layers[1].load_state_dict(layers[0].state_dict())
    x = 3 + 2 * torch.randn(4, 6, 5, 4, dtype=torch.float64)
    both = [[*results(layer, x), layer.mean_logits.grad, layer.var_logits.grad] for layer in layers]
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(layers[0].buffers(), layers[1].buffers(), strict=True):
        torch.testing.assert_close(a, b)


def test_variance_of_a_union() -> None:
    """The variance of several sets is the mean of their variances plus the variance of their means."""
    torch.manual_seed(0)
    x = torch.randn(4, 6, 20, dtype=torch.float64) * torch.rand(4, 6, 1, dtype=torch.float64)
    means, variances = x.mean(2), x.var(2, correction=0)
    assert torch.allclose(x.var((1, 2), correction=0), variances.mean(1) + means.var(1, correction=0))
    assert torch.allclose(x.var((0, 2), correction=0), variances.mean(0) + means.var(0, correction=0))


def test_starts_with_thirds() -> None:
    """Six numbers more than BatchNorm has, whatever the width; at the start each statistic has a third."""
    for channels in (4, 256):
        layer = use.SwitchNorm(channels)
        extra = sum(p.numel() for p in layer.parameters()) - sum(
            p.numel() for p in nn.BatchNorm2d(channels).parameters()
        )
        assert extra == 6
        for shares in layer.proportions():
            assert shares.tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("form", FORMS)
def test_needs_positions(form: type) -> None:
    """Vectors raise the quoted error: a single number has no variance."""
    with pytest.raises(ValueError, match="with positions to normalize over"):
        form(6)(torch.randn(4, 6))


def test_eval_depends_on_running_statistics() -> None:
    """After one batch in train mode, eval mode gives something else; after many of the same kind, nearly the same."""
    torch.manual_seed(0)
    layer, x = use.SwitchNorm(6), 3 + 2 * torch.randn(16, 6, 5, 5)
    trained = layer(x)
    early = (layer.eval()(x) - trained).abs().max().item()
    layer.train()
    for _ in range(100):
        layer(x)
    late = (layer.eval()(x) - trained).abs().max().item()
    assert early > 0.3
    assert late < 0.05


def accuracy(evidence, name: str) -> Tensor:
    """(batch sizes, seeds)."""
    return torch.tensor(evidence()[name]["accuracy"])


def test_compared_on_digits(evidence) -> None:
    """Its mean accuracy is within three points of the best fixed one at batches of 32, and above layer norm at 2."""
    ours = accuracy(evidence, "switchable").mean(dim=1)
    best = torch.stack([accuracy(evidence, name).mean(dim=1) for name in ("batch", "instance", "layer")]).amax(dim=0)
    assert ours.shape == (len(BATCHES),)
    assert (ours - best).abs()[1] < 0.03
    assert ours[0] > accuracy(evidence, "layer").mean(dim=1)[0]


def test_proportions_hardly_move(evidence) -> None:
    """After 60 steps all proportions of the means in both layers lie between 0.15 and 0.5."""
    shares = torch.tensor(evidence()["switchable"]["proportions"])  # (batch sizes, seeds, layers, 3)
    assert shares.shape == (len(BATCHES), SEEDS, 2, 3)
    assert 0.15 < shares.min() < shares.max() < 0.5


def test_what_shares_statistics(evidence) -> None:
    """Its own sample, and its own channel in all samples; no other channel of another sample."""
    reached = torch.tensor(evidence("axes")).bool()  # (batch, channel, height, width)
    expected = torch.zeros_like(reached)
    expected[1] = True
    expected[:, 2] = True
    assert torch.equal(reached, expected)
