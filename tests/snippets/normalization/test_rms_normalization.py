"""RMS normalization: equal to torch with gradients, its relation to LayerNorm, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snippets.normalization.rms_normalization.evidence import RATES
from snippets.normalization.rms_normalization.from_scratch import RMSNorm
from snippets.normalization.rms_normalization.use import without_the_mean


def forward_and_gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of the input and the weight for a random gradient of the output."""
    x = x.clone().requires_grad_()
    out = layer(x)
    generator = torch.Generator().manual_seed(1)
    out.backward(torch.randn(out.shape, generator=generator).to(out.dtype))
    assert x.grad is not None
    return [out.detach(), x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]


# The rounding of one operation in each type; float32 and wider add up a few dozen of them.
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.03, torch.float16: 0.004}


@pytest.mark.parametrize("shape", [(5, 12), (3, 5, 12), (2, 3, 4, 12), (4, 1), (0, 12)])
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize("settings", [{}, {"eps": 1e-3}, {"affine": False}])
def test_equals_torch(settings, dtype, shape) -> None:
    """Output and all gradients equal torch's: inputs of 2 to 4 dimensions, four types, with and without eps, scale."""
    torch.manual_seed(0)
    theirs = nn.RMSNorm(shape[-1], eps=settings.get("eps"), elementwise_affine=settings.get("affine", True))
    for p in theirs.parameters():
        nn.init.normal_(p, mean=1.0)
    ours = RMSNorm(shape[-1], **settings)
    ours.load_state_dict(theirs.state_dict())
    x = (2 + 3 * torch.randn(shape)).to(dtype)
    mine, reference = (forward_and_gradients(layer.to(dtype), x) for layer in (ours, theirs))
    assert len(mine) == len(reference)
    for a, b in zip(mine, reference, strict=True):
        assert a.dtype == b.dtype == dtype
        size = b.abs().max().item() if b.numel() else 0.0
        torch.testing.assert_close(a, b, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype] * max(size, 1.0))


def test_scale_but_not_shift() -> None:
    """Scaling a vector by a positive number changes nothing; shifting it does, and LayerNorm's output it does not."""
    torch.manual_seed(0)
    x = torch.randn(4, 64, dtype=torch.float64)
    rms, layer = nn.RMSNorm(64, eps=1e-12).double(), nn.LayerNorm(64, eps=1e-12).double()
    for scale in (1e-2, 3.0, 1e3):
        assert torch.allclose(rms(scale * x), rms(x))
    for shift in (-5.0, 1.0, 100.0):
        assert (rms(x + shift) - rms(x)).abs().max() > 0.1
        assert torch.allclose(layer(x + shift), layer(x))


def test_centred_input_gives_layer_norm() -> None:
    """On vectors of mean 0, RMSNorm equals LayerNorm without bias; on others it does not."""
    torch.manual_seed(0)
    x = 1 + torch.randn(4, 64, dtype=torch.float64)
    rms, layer = nn.RMSNorm(64, eps=1e-5).double(), nn.LayerNorm(64, eps=1e-5, bias=False).double()
    nn.init.normal_(layer.weight)
    rms.load_state_dict(layer.state_dict())
    centred = x - x.mean(dim=-1, keepdim=True)
    assert torch.allclose(rms(centred), layer(centred))
    assert (rms(x) - layer(x)).abs().max() > 0.1


@pytest.mark.parametrize("bias", [True, False])
def test_mean_folds_into_the_weights(bias: bool) -> None:
    """LayerNorm without bias after a linear layer equals RMSNorm after it without its mean; the layer itself stays."""
    torch.manual_seed(0)
    linear, x = nn.Linear(16, 32, bias=bias), torch.randn(5, 16)
    nn.init.normal_(linear.weight, mean=0.5)
    before = linear.weight.clone()
    layer, rms = nn.LayerNorm(32, eps=1e-5, bias=False), nn.RMSNorm(32, eps=1e-5)
    nn.init.normal_(layer.weight)
    rms.load_state_dict(layer.state_dict())
    assert torch.allclose(layer(linear(x)), rms(without_the_mean(linear)(x)), atol=1e-5)
    assert (layer(linear(x)) - rms(linear(x))).abs().max() > 0.1
    assert torch.equal(linear.weight, before)


def test_gradient_loses_one_component() -> None:
    """The input's gradient has no component along the input, whatever arrives; its mean stays."""
    torch.manual_seed(0)
    x = torch.randn(8, 64, dtype=torch.float64, requires_grad=True)
    out = nn.functional.rms_norm(x, (64,), eps=0.0)
    arrived = 5 + torch.randn_like(out)
    (gradient,) = torch.autograd.grad(out, x, arrived)
    assert (gradient * x).mean(dim=-1).abs().max() < 1e-12
    assert gradient.mean(dim=-1).abs().min() > 1
    root = x.square().mean(dim=-1, keepdim=True).sqrt()
    assert torch.allclose(gradient, (arrived - out * (arrived * out).mean(-1, keepdim=True)) / root)


def test_half_the_parameters() -> None:
    """One number for each feature and no bias; LayerNorm has two."""
    assert [name for name, _ in nn.RMSNorm(64).named_parameters()] == ["weight"]
    assert sum(p.numel() for p in nn.RMSNorm(64).parameters()) == 64
    assert sum(p.numel() for p in nn.LayerNorm(64).parameters()) == 128


@pytest.mark.parametrize("dtype", list(TOLERANCES))
def test_default_eps(dtype: torch.dtype) -> None:
    """eps=None is the machine precision of float64 for it, and of float32 for float32, bfloat16 and float16."""
    torch.manual_seed(0)
    x = (1e-3 * torch.randn(4, 64, dtype=torch.float64)).to(dtype)
    assert nn.RMSNorm(64).eps is None
    out = nn.functional.rms_norm(x, (64,)).double()
    eps = (x.double() / out).square().mean(dim=-1) - x.double().square().mean(dim=-1)
    expected = torch.finfo(dtype).eps if dtype == torch.float64 else torch.finfo(torch.float32).eps
    assert eps.mean().item() == pytest.approx(expected, rel=0.02)
    assert torch.finfo(torch.float32).eps == pytest.approx(1.2e-7, rel=0.01)


@pytest.mark.parametrize(("eps", "factor"), [(None, 2896), (1e-6, 1000), (1e-5, 316)])
def test_gradient_at_zero(eps: float | None, factor: int) -> None:
    """A vector of zeros stays zeros; its gradient is multiplied by 1 / √eps: 2896, 1000 and 316."""
    x = torch.zeros(1, 8, requires_grad=True)
    out = nn.RMSNorm(8, eps=eps)(x)
    assert out.abs().max() == 0
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == pytest.approx([factor] * 8, rel=1e-3)


def test_squares_overflow_in_float16() -> None:
    """Squares of numbers over 256 are infinite in float16, so a hand-written RMSNorm gives zeros; torch's does not."""
    torch.manual_seed(0)
    x = (1000 * torch.randn(4, 64)).half()
    by_hand = x * torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + 1e-6)
    assert by_hand.abs().max() == 0
    assert torch.tensor(256.0).half().square().isinf()
    assert torch.tensor(255.0).half().square().isfinite()
    for layer in (nn.RMSNorm(64, eps=1e-6).half(), RMSNorm(64, eps=1e-6).half()):
        assert layer(x).float().square().mean(dim=-1).tolist() == pytest.approx([1.0] * 4, abs=0.01)


def test_weights_around_zero() -> None:
    """Weights stored as offsets from 1 erase the signal when loaded as they are; with 1 added they fit."""
    torch.manual_seed(0)
    x, stored = torch.randn(4, 64), 0.01 * torch.randn(64)
    gemma = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * (1 + stored)
    layer = nn.RMSNorm(64, eps=1e-6)
    with torch.no_grad():
        layer.weight.copy_(stored)
        assert layer(x).square().mean() < 1e-3
        layer.weight.copy_(1 + stored)
        assert torch.allclose(layer(x), gemma, atol=1e-5)


def test_casts_after_the_scale() -> None:
    """In bfloat16, torch's output and ours are one rounding of the exact result; casting before the scale differs."""
    torch.manual_seed(0)
    x, weight = torch.randn(50, 64).bfloat16(), torch.randn(64).bfloat16()
    wide = x.double() * torch.rsqrt(x.double().square().mean(-1, keepdim=True) + 1e-6)
    after, before = (wide * weight.double()).bfloat16(), wide.bfloat16() * weight
    for layer in (nn.RMSNorm(64, eps=1e-6).bfloat16(), RMSNorm(64, eps=1e-6).bfloat16()):
        layer.load_state_dict({"weight": weight})
        assert (layer(x) != after).float().mean() < 0.001  # float32 inside, which rounds otherwise once in a while
    assert (before != after).float().mean() > 0.1


def test_mixed_types_warn() -> None:
    """A bfloat16 input with a float32 weight gives the quoted warning; with a bfloat16 weight there is none."""
    x = torch.randn(2, 8).bfloat16()
    with pytest.warns(UserWarning, match="Mismatch dtype between input and weight"):
        nn.RMSNorm(8)(x)


def test_as_good_as_layer_norm_on_digits(evidence) -> None:
    """Means within 0.05 at each rate; both beat no normalization at 0.001 and 0.003; at 0.03 all lie close."""
    accuracy = {name: torch.tensor(of["accuracy"]) for name, of in evidence().items()}  # (rates, seeds)
    plain, layer, rms = (accuracy[name] for name in ("no normalization", "LayerNorm", "RMSNorm"))
    assert (layer.mean(dim=1) - rms.mean(dim=1)).abs().max() < 0.05
    for normed in (layer, rms):
        assert (normed[:2].mean(dim=1) > plain[:2].mean(dim=1)).all()
        assert (normed[3].mean() - plain[3].mean()).abs() < 0.06
    assert RATES[3] == 0.03


def test_mean_is_small(evidence) -> None:
    """Averaged over all runs, the mean is under 10% of the mean square with LayerNorm, and 10% to 25% with RMSNorm."""
    share = {name: torch.tensor(of["mean share"]) for name, of in evidence().items()}
    assert share["LayerNorm"].mean() < 0.1 < share["RMSNorm"].mean() < 0.25


def test_what_shares_statistics(evidence) -> None:
    """Over the channels of one pixel of one sample, as LayerNorm."""
    reached = torch.tensor(evidence("axes"))  # (batch, channel, height, width)
    assert reached[1, :, 1, 1].all()
    assert reached.sum() == reached.shape[1]
