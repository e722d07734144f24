"""AdamW: step by step against torch, closed forms, and the claims of its page."""

import math

import pytest
import torch
from torch import nn

from snippets.optimizers.adamw.evidence import DECAY, LR, STEPS
from snippets.optimizers.adamw.from_scratch import AdamW
from snippets.optimizers.adamw.use import decay_groups, make_optimizer
from tests.support.optimizers import numbers_per_parameter, same_trajectory, timm_optimizers


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.0},
        {"weight_decay": 0.5},
        {"amsgrad": True},
        {"maximize": True, "weight_decay": 0.1, "amsgrad": True},
    ],
)
def test_equals_torch(settings, dtype):
    """Values and state equal torch.optim.AdamW's over 120 noisy steps: weight decay, amsgrad, maximize, complex."""
    assert same_trajectory(AdamW, torch.optim.AdamW, dtype=dtype, **({"lr": 0.02} | settings)) < 1e-12


def test_without_decay_it_is_adam():
    """weight_decay=0 gives Adam's steps."""
    assert same_trajectory(lambda p: torch.optim.AdamW(p, weight_decay=0.0), torch.optim.Adam) == 0


def run(optimizer_class: type, gradient: float, steps: int, noise: float = 0.0, **settings: float) -> float:
    """Mean of 400 weights that start at 1."""
    generator = torch.Generator().manual_seed(0)
    theta = torch.nn.Parameter(torch.ones(400, dtype=torch.float64))
    optimizer = optimizer_class([theta], **settings)
    for _ in range(steps):
        theta.grad = gradient + noise * torch.randn(400, dtype=torch.float64, generator=generator)
        optimizer.step()
    return theta.mean().item()


def test_zero_gradient_decays_geometrically():
    """Under a zero gradient w_t = w_0 (1 - lr * weight_decay)^t."""
    assert run(torch.optim.AdamW, 0.0, 200, lr=0.01, weight_decay=0.5) == pytest.approx((1 - 0.005) ** 200)


def test_default_decay_is_slow():
    """With torch's defaults, lr 1e-3 and decay 0.01, a thousand steps take 1% off a weight; half takes 69,315 steps."""
    assert run(torch.optim.AdamW, 0.0, 1000) == pytest.approx(0.99, abs=1e-3)
    assert math.log(2) / -math.log1p(-1e-5) == pytest.approx(69_315, abs=1)


@pytest.mark.parametrize("noise", [0.01, 1.0, 100.0])
def test_decay_does_not_depend_on_the_gradient(noise):
    """AdamW takes the same share off a weight whatever the size of its gradients; Adam takes next to none at 100."""
    settings = {"lr": 0.01, "weight_decay": 0.1}
    closed_form = (1 - 0.001) ** 1000  # 0.37
    decoupled, penalty = (run(c, 0.0, 1000, noise=noise, **settings) for c in (torch.optim.AdamW, torch.optim.Adam))
    assert decoupled == pytest.approx(closed_form, abs=0.06)  # spread of the mean of 400 random walks: 0.01
    assert (penalty < 0.05) if noise == 0.01 else (penalty > 0.7 or noise == 1.0)
    if noise == 100.0:
        assert penalty > 0.9


def test_figure_shows_a_flat_line_and_a_step(evidence) -> None:
    """AdamW leaves 0.37 of a weight at every noise; Adam nothing under small gradients and nearly all at large ones."""
    penalty, decoupled = (torch.tensor(evidence()[name]["weight left"]) for name in ("Adam", "AdamW"))
    closed_form = (1 - LR * DECAY) ** STEPS
    assert closed_form == pytest.approx(0.37, abs=0.005)
    assert (decoupled - closed_form).abs().max() < 0.04  # spread of the mean of 400 random walks: 0.01
    assert penalty[:7].abs().max() < 0.01
    assert penalty[-3:].min() > 0.9


def test_decay_gains_little_on_digits(evidence) -> None:
    """AdamW's mean accuracy with decay is no better than without, and at most 0.02 worse; Adam's falls by 0.2."""
    adam, adamw = (torch.tensor(evidence()[name]["accuracy"]) for name in ("Adam", "AdamW"))  # (decays, seeds)
    means = adamw.mean(dim=1)
    assert means.max() < means[0] + 0.005  # at most 0.001 with other seeds; they differ by 0.01
    assert means.max() - means.min() < 0.02
    adam = adam.mean(dim=1)
    assert adam[0] == means[0]
    assert adam[2] < adam[0] - 0.15


def test_decay_is_coupled_to_the_rate():
    """torch takes lr * lambda off, so half the rate is half the decay; the paper takes schedule * lambda."""

    def paper(lr: float, decay: float, steps: int) -> float:
        """Algorithm 2 with a zero gradient and schedule multiplier 1: the rate alpha plays no part."""
        return (1 - decay) ** steps

    assert run(torch.optim.AdamW, 0.0, 100, lr=0.1, weight_decay=0.02) == pytest.approx(paper(0.1, 0.1 * 0.02, 100))
    halved = run(torch.optim.AdamW, 0.0, 100, lr=0.05, weight_decay=0.02)
    assert halved == pytest.approx((1 - 0.001) ** 100)
    assert halved != pytest.approx(paper(0.05, 0.1 * 0.02, 100), rel=0.05)


def test_decay_spoils_norm_gains():
    """With one group for all, LayerNorm's gain shrinks by 1 - lr * lambda a step though the loss asks for none."""
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    everything = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)

    def gain_after(optimizer: torch.optim.Optimizer) -> float:
        nn.init.ones_(model[1].weight)
        for _ in range(500):
            for p in model.parameters():
                p.grad = torch.zeros_like(p)
            optimizer.step()
        return model[1].weight.mean().item()

    assert gain_after(everything) == pytest.approx(0.999**500, rel=1e-3)  # 0.61
    grouped = torch.optim.AdamW(decay_groups(model, weight_decay=0.1), lr=0.01)
    assert gain_after(grouped) == 1.0


def test_groups_equal_timms():
    """Every trained parameter is in one group, vectors in the one without decay, as in timm's groups."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4), nn.LayerNorm(4))
    model[3].weight.requires_grad_(False)
    ours = {g["weight_decay"]: {id(p) for p in g["params"]} for g in decay_groups(model, 0.05)}
    reference = timm_optimizers().param_groups_weight_decay(model, 0.05)
    theirs = {g["weight_decay"]: {id(p) for p in g["params"]} for g in reference}
    assert ours == theirs
    assert sum(len(ids) for ids in ours.values()) == sum(p.requires_grad for p in model.parameters())


def test_group_setting_wins_over_the_default():
    """make_optimizer's 0.01 holds only where a group names no decay of its own."""
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    assert [g["weight_decay"] for g in make_optimizer(decay_groups(model, 0.3)).param_groups] == [0.3, 0.0]
    assert [g["weight_decay"] for g in make_optimizer(model.parameters()).param_groups] == [0.01]


def test_two_numbers_for_a_parameter():
    """The decay needs no state: two numbers for each parameter, as Adam."""
    assert numbers_per_parameter(torch.optim.AdamW) == 2
