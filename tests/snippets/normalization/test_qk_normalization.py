"""QK normalization: equal to torch and timm, its bound, and the claims of its page."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention

from snippets.normalization.qk_normalization.evidence import RATES, SEEDS
from snippets.normalization.qk_normalization.from_scratch import attention, cosine_attention, rms
from snippets.normalization.qk_normalization.use import Attention


def qkv(features: int = 16, size: float = 1.0) -> list[Tensor]:
    """Queries, keys and values (2, 4, 10, features) in float64."""
    torch.manual_seed(0)
    return [size * torch.randn(2, 4, 10, features, dtype=torch.float64) for _ in range(3)]


def test_equals_torch() -> None:
    """Output and gradients of queries, keys, values and gains equal sdpa of nn.RMSNorm's outputs."""
    given = qkv()
    norms = [nn.RMSNorm(16, eps=1e-6, dtype=torch.float64) for _ in range(2)]
    for norm in norms:
        nn.init.normal_(norm.weight)
    results = []
    for which in ("ours", "torch"):
        q, k, v = (x.clone().requires_grad_() for x in given)
        weights = [norm.weight.detach().clone().requires_grad_() for norm in norms]
        if which == "ours":
            y = attention(q, k, v, *weights)
        else:
            normed = [nn.functional.rms_norm(x, (16,), w, 1e-6) for x, w in zip((q, k), weights, strict=True)]
            y = scaled_dot_product_attention(*normed, v)
        (y * given[0]).sum().backward()
        results.append([y, q.grad, k.grad, v.grad, *(w.grad for w in weights)])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_equals_timm(causal: bool) -> None:
    """timm's Attention with qk_norm=True and RMSNorm, from the same state: output and gradients."""
    from functools import partial

    from timm.layers import Attention as Timms

    torch.manual_seed(0)
    ours = Attention(32, heads=4).double()
    theirs = Timms(32, num_heads=4, qk_norm=True, proj_bias=False, norm_layer=partial(nn.RMSNorm, eps=1e-6)).double()
    for norm in (ours.q_norm, ours.k_norm):
        nn.init.normal_(norm.weight)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 10, 32, dtype=torch.float64)
    results = []
    for y, module in ((ours(x, causal=causal), ours), (theirs(x, is_causal=causal), theirs)):
        y.square().sum().backward()
        results.append([y, *(p.grad for _, p in sorted(module.named_parameters()))])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-10)


def test_two_forms_agree() -> None:
    """Cosine attention with a scale of the root of d is the RMSNorm form with gains of 1."""
    for features in (4, 16, 64):
        q, k, v = qkv(features)
        ones = torch.ones(features, dtype=torch.float64)
        cosine = cosine_attention(q, k, v, torch.tensor(features**0.5, dtype=torch.float64))
        assert torch.allclose(cosine, attention(q, k, v, ones, ones, eps=0.0))


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e3, 1e6])
def test_logits_are_bounded(size: float) -> None:
    """64 features, gains 1: at most 8, reached by equal vectors but for eps; with gains, the root of d times them."""
    q, k, _ = qkv(64, size)
    ones = torch.ones(64, dtype=torch.float64)
    logits = rms(q, ones) @ rms(k, ones).transpose(-2, -1) / 8
    assert logits.abs().max() < 8
    squares = q.square().mean(dim=-1)
    reached = (rms(q, ones) * rms(q, ones)).sum(dim=-1) / 8
    assert torch.allclose(reached, 8 * squares / (squares + 1e-6))
    a, b = torch.randn(2, 64, dtype=torch.float64)
    assert (rms(q, a) @ rms(k, b).transpose(-2, -1) / 8).abs().max() <= 8 * (a * b).abs().max()


def test_logits_grow_as_the_product() -> None:
    """Without normalization ten times the size of both gives a hundred times the logits; with it, the same output."""
    q, k, v = qkv()
    assert torch.allclose((10 * q) @ (10 * k).transpose(-2, -1), 100 * (q @ k.transpose(-2, -1)))
    ones = torch.ones(16, dtype=torch.float64)
    assert torch.allclose(attention(10 * q, 10 * k, v, ones, ones), attention(q, k, v, ones, ones), atol=1e-5)


def test_softmax_saturates() -> None:
    """A logit 110 above nine others in float32: their weights and the gradients of all are exactly 0."""
    logits = torch.zeros(10)
    logits[3] = 110.0
    logits.requires_grad_()
    weights = logits.softmax(dim=0)
    (weights * torch.arange(10.0)).sum().backward()
    assert weights.tolist() == [0.0] * 3 + [1.0] + [0.0] * 6
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


@pytest.mark.parametrize(("bound", "share"), [(8.0, 0.9), (4.0, 0.003)])
def test_share_is_limited(bound: float, share: float) -> None:
    """One logit at b, the others at -b: the share 1 / (1 + (n - 1) exp(-2 b)); 0.9 and 0.003 of a million."""
    logits = torch.full((1_000_000,), -bound, dtype=torch.float64)
    logits[0] = bound
    got = logits.softmax(dim=0)[0].item()
    assert got == pytest.approx(1 / (1 + 999_999 * math.exp(-2 * bound)))
    assert got == pytest.approx(share, rel=0.02)


def rotated(x: Tensor) -> Tensor:
    """A rotation of each pair of features by an angle that grows with the token."""
    angles = torch.arange(x.shape[-2])[:, None] * torch.logspace(0, -2, x.shape[-1] // 2, dtype=x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


def test_order_with_rotary() -> None:
    """Without gains, rotating before or after gives the same; with gains not."""
    q = qkv()[0]
    ones, gains = torch.ones(16, dtype=torch.float64), torch.linspace(0.5, 2, 16, dtype=torch.float64)
    assert torch.allclose(rms(rotated(q), ones), rotated(rms(q, ones)))
    assert (rms(rotated(q), gains) - rotated(rms(q, gains))).abs().max() > 0.1


def test_unit_vectors_are_uniform() -> None:
    """Unit vectors through sdpa, 64 features: weights of one query differ at most by a factor exp(2 / 8) < 1.29."""
    q, k, _ = qkv(64)
    q[:, :, 0], k[:, :, 0], k[:, :, 1] = q[:, :, 1], q[:, :, 1], -q[:, :, 1]  # the widest angles there are
    eye = torch.eye(10, dtype=torch.float64).expand(2, 4, 10, 10)
    weights = scaled_dot_product_attention(normalize(q, dim=-1), normalize(k, dim=-1), eye)
    ratio = (weights.amax(dim=-1) / weights.amin(dim=-1)).max().item()
    assert ratio == pytest.approx(math.exp(2 / 8))
    assert ratio < 1.29


def test_missing_keys() -> None:
    """The state of an attention without the gains does not load."""
    state = {k: v for k, v in Attention(32, heads=4).state_dict().items() if "norm" not in k}
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "q_norm.weight", "k_norm.weight"'):
        Attention(32, heads=4).load_state_dict(state)


def test_head_or_all_heads() -> None:
    """Normalizing each head of four and all four together give other queries."""
    q = qkv()[0]
    ones = torch.ones(16, dtype=torch.float64)
    together = rms(q.transpose(1, 2).flatten(-2), torch.ones(64, dtype=torch.float64))
    assert (together.unflatten(-1, (4, 16)).transpose(1, 2) - rms(q, ones)).abs().max() > 0.1


def test_logits_on_digits(evidence) -> None:
    """With: below 10 at 0.003 and 0.03, 100 at 0.3. Without: above 20 at 0.03, 100 at 0.3, the largest above 1,000."""
    at = {name: [[logit for _, logit in runs] for runs in of_rate] for name, of_rate in evidence().items()}
    assert RATES == [0.003, 0.03, 0.3]
    assert max(at["with QK norm"][0] + at["with QK norm"][1]) < 10
    assert max(at["with QK norm"][2]) < 100
    assert min(at["without"][1]) > 20
    assert min(at["without"][2]) > 100
    assert max(at["without"][2]) > 1000


def test_accuracy_on_digits(evidence) -> None:
    """At 0.3 all below 0.35; with it the mean is higher at 0.003, within 0.1 at 0.03; the seeds differ by more."""
    at = {name: [[a for a, _ in runs] for runs in of_rate] for name, of_rate in evidence().items()}
    assert max(max(runs[RATES.index(0.3)]) for runs in at.values()) < 0.35
    for rate, least, most in ((0.003, 0.0, 1.0), (0.03, -0.1, 0.1)):
        runs = [of_rate[RATES.index(rate)] for of_rate in (at["with QK norm"], at["without"])]
        gain = (sum(runs[0]) - sum(runs[1])) / SEEDS
        assert least < gain < most
        assert abs(gain) < min(max(one) - min(one) for one in runs)
