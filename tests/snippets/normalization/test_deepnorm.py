"""DeepNorm: equal to torch's Post-LN where its factor is 1, its constants, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from snippets.normalization.deepnorm.evidence import DEPTHS, SEEDS, STEPS, TRAINED, Network
from snippets.normalization.deepnorm.from_scratch import DeepNorm
from snippets.normalization.deepnorm.use import DeepNormLayer, constants


def branch(features: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 4 * features), nn.ReLU(), nn.Linear(4 * features, features)).double()


@pytest.mark.parametrize("layers", [1, 6, 100])
def test_equals_torch(layers: int) -> None:
    """Output and gradients equal torch's layer_norm of the scaled sum; weights have Xavier's std times beta."""
    torch.manual_seed(0)
    inner, norm = branch(), nn.LayerNorm(16).double()
    ours = DeepNorm(inner, 16, layers).double()
    for p in (*norm.parameters(), ours.weight, ours.bias):
        nn.init.uniform_(p, 0.5, 1.5)
    norm.load_state_dict({"weight": ours.weight.detach(), "bias": ours.bias.detach()})
    x, sides = torch.randn(4, 5, 16, dtype=torch.float64), []
    for layer in (ours, lambda x: norm((2 * layers) ** 0.25 * x + inner(x))):
        own = x.clone().requires_grad_()
        ours.zero_grad()
        out = layer(own)
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        sides.append([out, own.grad, *(p.grad for p in inner.parameters())])
    torch.testing.assert_close(*sides)
    wide = DeepNorm(branch(128), 128, layers).branch
    for i in (0, 2):  # 65,536 weights: their standard deviation is off by 0.3%
        expected = (8 * layers) ** -0.25 * (2 / (128 + 512)) ** 0.5
        assert wide[i].weight.std().item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("is_causal", [False, True])
def test_factor_one_is_post_ln(is_causal: bool) -> None:
    """With alpha 1 and torch's weights: torch's Post-LN layer, with and without a causal mask, output and gradient."""
    torch.manual_seed(0)
    settings = {"dim_feedforward": 32, "dropout": 0.0, "dtype": torch.float64}
    torchs = nn.TransformerEncoderLayer(16, 4, batch_first=True, norm_first=False, **settings)
    ours = DeepNormLayer(16, 4, layers=12, **settings)
    ours.load_state_dict(torchs.state_dict())
    x, sides = torch.randn(2, 6, 16, dtype=torch.float64), []
    mask = nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.float64) if is_causal else None
    for alpha, layer in ((1.0, ours), (None, torchs)):
        layer.alpha = alpha
        own = x.clone().requires_grad_()
        out = layer(own, src_mask=mask, is_causal=is_causal)
        out.square().sum().backward()
        sides.append((out, own.grad))
    torch.testing.assert_close(*sides)
    ours.alpha = 2.0
    assert (ours(x) - torchs(x)).abs().max() > 0.1


@pytest.mark.parametrize(("layers", "alpha", "beta"), [(6, 1.86, 0.38), (24, 2.63, 0.27), (100, 3.76, 0.19)])
def test_constants_by_depth(layers: int, alpha: float, beta: float) -> None:
    """The page's numbers, for an encoder alone and a decoder alone; a layer takes them for its matrices."""
    for name, found in (*constants(layers).items(), *constants(0, layers).items()):
        assert name in ("encoder", "decoder")
        assert found == pytest.approx((alpha, beta), abs=0.005)
    torch.manual_seed(0)
    layer = DeepNormLayer(128, 4, layers, dim_feedforward=128)
    xavier = (2 / 256) ** 0.5
    query, key, value = layer.self_attn.in_proj_weight.split(128)
    small = [value, layer.self_attn.out_proj.weight, layer.linear1.weight, layer.linear2.weight]
    gains = {query: 1.0, key: 1.0} | dict.fromkeys(small, beta)
    for weight, gain in gains.items():
        assert weight.std().item() == pytest.approx(gain * xavier, rel=0.04)
    assert layer.alpha == pytest.approx(alpha, abs=0.005)


def test_constants_of_encoder_and_decoder() -> None:
    """12 and 12 layers: 0.81 (N^4 M)^(1/16), 0.87 (N^4 M)^(-1/16); (3M)^(1/4), (12M)^(-1/4)."""
    both = constants(12, 12)
    assert both["encoder"] == pytest.approx((0.81 * 12 ** (5 / 16), 0.87 * 12 ** (-5 / 16)))
    assert both["decoder"] == pytest.approx((36**0.25, 144**-0.25))


@pytest.mark.parametrize("layers", [1, 2, 12, 100, 1000])
def test_bound_does_not_grow(layers: int) -> None:
    """2 N beta^2 / alpha^2 is 1/2 at every depth."""
    for found in (constants(layers), constants(0, layers)):
        ((alpha, beta),) = found.values()
        assert 2 * layers * beta**2 / alpha**2 == pytest.approx(0.5)


def test_factor_belongs_to_the_skip() -> None:
    """The branch's share of the sum is smaller with alpha on the skip connection, and larger with it on the branch."""
    torch.manual_seed(0)
    inner, x = branch(), torch.randn(64, 16, dtype=torch.float64)
    ((alpha, _),) = constants(24).values()

    def share(skip: float, other: float) -> float:
        return ((other * inner(x)).norm() / (skip * x + other * inner(x)).norm()).item()

    assert share(alpha, 1) < 0.7 * share(1, 1) < 0.7 * share(1, alpha)


def test_first_step_is_smaller(evidence) -> None:
    """With 32 branches the first step moves Post-LN over 1.2 times as far as DeepNorm."""
    post, deep = (evidence()[kind]["moved"][-1] for kind in ("Post-LN", "DeepNorm"))
    assert DEPTHS[-1] == 32
    assert post > 1.2 * deep


def test_deep_networks_train(evidence) -> None:
    """Means. 20 branches: DeepNorm above 0.8, Pre-LN below it, Post-LN 15 points lower; 4 branches: within 10 of it."""
    post, deep, pre = (torch.tensor(evidence()[kind]["accuracy"]) for kind in ("Post-LN", "DeepNorm", "Pre-LN"))
    assert TRAINED == [4, 20]
    assert deep[1].mean() > max(0.8, pre[1].mean())
    assert post[1].mean() < pre[1].mean() - 0.15
    assert (deep[0].mean() - post[0].mean()).abs() < 0.1


@pytest.mark.parametrize(("lr", "warm"), [(5e-3, 10), (1e-3, 1)])
def test_warm_up_helps(lr: float, warm: int, evidence) -> None:
    """Ten steps of warm-up, or a learning rate of 0.001, raise Post-LN's mean with 20 branches, over 35%; below 80%."""
    digits, scores = load_digits(), []
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model, order = Network("Post-LN", 20), torch.randperm(len(x))
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / warm))
        for batch in order[:1000][torch.randint(1000, (STEPS, 64))]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            scheduler.step()
        with torch.no_grad():
            right = model(x[order[1000:]]).argmax(dim=1) == y[order[1000:]]
        scores.append(right.float().mean().item())
    without = sum(evidence()["Post-LN"]["accuracy"][1]) / SEEDS
    assert max(without, 0.35) < sum(scores) / SEEDS < 0.8
