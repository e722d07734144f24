"""AdamW: step by step against torch, closed forms, and the claims of its page."""

import math
import re
from functools import partial
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from snippets.optimizers.adamw.evidence import DECAY, LR, STEPS
from snippets.optimizers.adamw.evidence import test_accuracy as accuracy
from snippets.optimizers.adamw.from_scratch import AdamW
from snippets.optimizers.adamw.use import decay_groups, make_optimizer
from tests.support.guide import guide
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


SETTINGS = [{}, {"lr": 0.02, "betas": (0.5, 0.9), "eps": 1e-3}, {"amsgrad": True}, {"maximize": True}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_without_decay_it_is_adam(settings):
    """weight_decay=0 gives Adam's steps, also with other betas and eps, with amsgrad and maximize."""
    adamw = partial(torch.optim.AdamW, weight_decay=0.0)
    assert same_trajectory(adamw, torch.optim.Adam, **settings) == 0


@pytest.mark.parametrize("settings", SETTINGS)
def test_flag_of_adam_is_adamw(settings):
    """Adam(decoupled_weight_decay=True) takes AdamW's steps; without the flag it takes others."""

    def adam(parameters: list[nn.Parameter], decoupled: bool = True, **given: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, weight_decay=0.1, decoupled_weight_decay=decoupled, **given)

    def adamw(parameters: list[nn.Parameter], **given: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, weight_decay=0.1, **given)

    assert same_trajectory(adam, adamw, **settings) == 0
    with pytest.raises(AssertionError, match="step 0"):
        same_trajectory(partial(adam, decoupled=False), adamw, **settings)


def run(optimizer_class: type, gradient: float, steps: int, noise: float = 0.0, **settings: float) -> float:
    """Mean of 400 weights that start at 1."""
    generator = torch.Generator().manual_seed(0)
    theta = torch.nn.Parameter(torch.ones(400, dtype=torch.float64))
    optimizer = optimizer_class([theta], **settings)
    for _ in range(steps):
        theta.grad = gradient + noise * torch.randn(400, dtype=torch.float64, generator=generator)
        optimizer.step()
    return theta.mean().item()


@pytest.mark.parametrize(("lr", "decay"), [(0.01, 0.5), (1e-3, 0.1), (0.1, 1.0)])
def test_zero_gradient_decays_geometrically(lr, decay):
    """Under a zero gradient w_t = w_0 (1 - lr * weight_decay)^t; without one, where grad is None, nothing moves."""
    assert run(torch.optim.AdamW, 0.0, 200, lr=lr, weight_decay=decay) == pytest.approx((1 - lr * decay) ** 200)
    unused = torch.nn.Parameter(torch.ones(1))
    torch.optim.AdamW([unused], lr=lr, weight_decay=decay).step()
    assert unused.item() == 1


def test_default_decay_is_slow():
    """With torch's defaults, lr 1e-3 and decay 0.01, a thousand steps take 1% off a weight; 100,000 leave 1/e of it.

    The long run is the short one's factor to the power of 100: the decay is geometric.
    """
    defaults = torch.optim.AdamW([torch.zeros(1)]).defaults
    assert (defaults["lr"], defaults["weight_decay"]) == (1e-3, 0.01)
    thousand = run(torch.optim.AdamW, 0.0, 1000)
    assert thousand == pytest.approx(0.99, abs=1e-4)
    assert thousand**100 == pytest.approx(1 / math.e, rel=1e-4)
    assert 1000 * defaults["lr"] * defaults["weight_decay"] == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_schedule_to_zero_halves_the_decay(name):
    """What a cosine or a linear schedule to zero leaves of a weight is what half its peak, held constant, leaves."""
    steps, decay = 1000, 0.1

    def left(lr: float, scheduled: bool) -> float:
        theta = nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch.optim.AdamW([theta], lr=lr, weight_decay=decay)
        scheduler = {
            "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps),
            "linear": torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps),
        }[name]
        for _ in range(steps):
            if not scheduled:
                optimizer.param_groups[0]["lr"] = lr
            theta.grad = torch.zeros_like(theta)
            optimizer.step()
            scheduler.step()
        return theta.item()

    peak = 0.02  # lr * decay * steps = 2: a constant peak would leave 0.135
    assert left(peak, scheduled=True) == pytest.approx(left(peak / 2, scheduled=False), rel=5e-3)
    assert left(peak, scheduled=False) == pytest.approx(math.exp(-2), rel=5e-3)


@pytest.mark.parametrize("noise", [0.01, 1.0, 100.0])
def test_decay_does_not_depend_on_the_gradient(noise):
    """Noise of 0.01, 1 and 100 as gradient: AdamW leaves 37% of a weight at each, Adam under 5% at 0.01, 90% at 100."""
    settings = {"lr": 0.01, "weight_decay": 0.1}
    closed_form = (1 - 0.001) ** 1000
    assert closed_form == pytest.approx(0.37, abs=0.005)
    decoupled, penalty = (run(c, 0.0, 1000, noise=noise, **settings) for c in (torch.optim.AdamW, torch.optim.Adam))
    assert decoupled == pytest.approx(closed_form, abs=0.06)  # spread of the mean of 400 random walks: 0.01
    if noise == 0.01:
        assert penalty < 0.05
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
    """AdamW's mean accuracy with decay is under 0.005 above and 0.02 below that without; Adam's falls by over 0.15.

    At a third and at three times the rate AdamW gains up to 0.015, and Adam loses over 0.15, too.
    """
    adam, adamw = (torch.tensor(evidence()[name]["accuracy"]) for name in ("Adam", "AdamW"))  # (decays, seeds)
    means = adamw.mean(dim=1)
    assert means.max() < means[0] + 0.005  # at most 0.001 with other seeds; they differ by 0.01
    assert means.max() - means.min() < 0.02
    adam = adam.mean(dim=1)
    assert adam[0] == means[0]
    assert adam[2] < adam[0] - 0.15
    images, labels = load_digits(return_X_y=True)
    data = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)

    def mean(kind: type, lr: float, decay: float) -> float:
        runs = [accuracy(lambda p, **given: kind(p, **given | {"lr": lr}), decay, seed, *data) for seed in range(3)]
        return sum(runs) / 3

    for lr in (0.003, 0.03):
        without, *decayed = (mean(torch.optim.AdamW, lr, decay) for decay in (0.0, 0.01, 0.1, 1.0))
        assert max(decayed) < without + 0.015
        assert mean(torch.optim.Adam, lr, 0.1) < without - 0.15


def test_decay_is_coupled_to_the_rate():
    """torch takes lr * lambda off, so half the rate is half the decay; the paper takes schedule * lambda.

    The decay fell by the factor of the rate, and with lambda raised by that factor it is what it was.
    """

    def paper(lr: float, decay: float, steps: int) -> float:
        """Algorithm 2 with a zero gradient and schedule multiplier 1: the rate alpha plays no part."""
        return (1 - decay) ** steps

    assert run(torch.optim.AdamW, 0.0, 100, lr=0.1, weight_decay=0.02) == pytest.approx(paper(0.1, 0.1 * 0.02, 100))
    halved = run(torch.optim.AdamW, 0.0, 100, lr=0.05, weight_decay=0.02)
    assert halved == pytest.approx((1 - 0.001) ** 100)
    assert halved != pytest.approx(paper(0.05, 0.1 * 0.02, 100), rel=0.05)
    raised = run(torch.optim.AdamW, 0.0, 100, lr=0.05, weight_decay=0.04)
    assert raised == pytest.approx(run(torch.optim.AdamW, 0.0, 100, lr=0.1, weight_decay=0.02))


def test_decay_spoils_norm_gains():
    """With one group for all, a LayerNorm's gain and a bias shrink by 1 - lr * lambda a step; with two, neither."""
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))

    def after(optimizer: torch.optim.Optimizer) -> list[float]:
        nn.init.ones_(model[0].bias)
        nn.init.ones_(model[1].weight)
        for _ in range(500):
            for p in model.parameters():
                p.grad = torch.zeros_like(p)
            optimizer.step()
        return [model[0].bias.mean().item(), model[1].weight.mean().item()]

    everything = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    assert after(everything) == pytest.approx([0.999**500] * 2, rel=1e-3)  # 0.61
    grouped = torch.optim.AdamW(decay_groups(model, weight_decay=0.1), lr=0.01)
    assert after(grouped) == [1.0, 1.0]


def test_groups_equal_timms():
    """Every trained parameter is in one group: matrices, kernels and embeddings decay, vectors do not, as in timm's."""
    model = nn.ModuleList(
        [
            nn.Embedding(5, 4),
            nn.Conv2d(3, 8, 3),
            nn.BatchNorm2d(8),
            nn.Linear(8, 4),
            nn.LayerNorm(4),
            nn.GRU(4, 4),
            nn.MultiheadAttention(4, 2),
        ]
    )
    model[3].weight.requires_grad_(False)
    ours = {g["weight_decay"]: {id(p) for p in g["params"]} for g in decay_groups(model, 0.05)}
    reference = timm_optimizers().param_groups_weight_decay(model, 0.05)
    theirs = {g["weight_decay"]: {id(p) for p in g["params"]} for g in reference}
    assert ours == theirs
    assert sum(len(ids) for ids in ours.values()) == sum(p.requires_grad for p in model.parameters())
    assert id(model[0].weight) in ours[0.05]
    norms = {id(p) for norm in (model[2], model[4]) for p in norm.parameters()}
    biases = {id(p) for name, p in model.named_parameters() if "bias" in name}
    assert norms | biases == ours[0.0]
    image_norm = nn.LayerNorm((4, 3))
    assert any(p is image_norm.weight for p in decay_groups(image_norm, 0.05)[0]["params"])  # two-dimensional: decays


def test_group_setting_wins_over_the_default():
    """make_optimizer's 0.01 holds only where a group names no decay of its own."""
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    assert [g["weight_decay"] for g in make_optimizer(decay_groups(model, 0.3)).param_groups] == [0.3, 0.0]
    assert [g["weight_decay"] for g in make_optimizer(model.parameters()).param_groups] == [0.01]


def test_first_row_as_a_call():
    """The call of the page has every optimizer setting of the first row of its table."""
    page = guide().by_id["adamw"].pages["en"].body
    call = "make_optimizer(decay_groups(model, 0.1), lr=6e-4, betas=(0.9, 0.95))"
    assert f"`{call}`" in page
    first = re.search(r'"settings: ([a-z0-9-]+)', page)
    assert first
    row = next(recipe for recipe in guide().recipes if recipe.id == first[1])
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    optimizer = eval(call, {"make_optimizer": make_optimizer, "decay_groups": decay_groups, "model": model})
    assert isinstance(optimizer, torch.optim.AdamW)
    decayed, other = optimizer.param_groups
    assert {name: decayed[name] for name in row.optimizer.settings} == row.optimizer.settings
    assert other["weight_decay"] == 0
    assert set(row.no_decay) == {"norms", "biases"}


def test_two_numbers_for_a_parameter():
    """The decay needs no state: two numbers for each parameter, as Adam; in float32 they are 8 bytes."""
    assert numbers_per_parameter(torch.optim.AdamW) == 2
    theta = nn.Parameter(torch.ones(1000))
    optimizer = torch.optim.AdamW([theta])
    theta.grad = torch.ones_like(theta)
    optimizer.step()
    kept = [value for value in optimizer.state[theta].values() if value.numel() == theta.numel()]
    assert sum(value.numel() * value.element_size() for value in kept) == 8 * theta.numel()
