"""Layer-wise learning-rate decay: equal to torch's groups and timm's, what schedulers do to groups, the claims."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from snippets.schedulers.layer_wise_lr_decay.evidence import DECAYS, RATES
from snippets.schedulers.layer_wise_lr_decay.from_scratch import layer_rate, sgd_step
from snippets.schedulers.layer_wise_lr_decay.use import layer_groups
from tests.support.optimizers import timm_optimizers


class Small(nn.Module):
    """An embedding, two blocks, a norm and a head; ``group_matcher`` tells timm the same layers as LAYERS."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        self.blocks = nn.ModuleList([nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8)) for _ in range(2)])
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def group_matcher(self, coarse: bool = False) -> dict:
        return {"stem": r"^embedding|positions", "blocks": r"^blocks\.(\d+)", "top": r"^norm|head"}


LAYERS = [["embedding", "positions"], ["blocks.0"], ["blocks.1"], ["norm", "head"]]


def rates_of(optimizer: torch.optim.Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def two_layers(low: float = 1e-4, high: float = 1e-2) -> torch.optim.Optimizer:
    """A low layer and a head with rates of their own."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (low, high)]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def curve(optimizer: torch.optim.Optimizer, scheduler: lr_scheduler.LRScheduler, steps: int) -> list[list[float]]:
    rates = [rates_of(optimizer)]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates.append(rates_of(optimizer))
    return rates


@pytest.mark.parametrize("decay", [1.0, 0.75, 1 / 2.6])
def test_equals_torch_groups(decay):
    """From scratch equals torch's SGD with one group for each layer, weights of 100 updates, in float64."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(layer_groups(twin, [["0"], ["2"], ["4"]], 0.1, decay, weight_decay=0.0))
    x, y = torch.randn(32, 8, dtype=torch.float64), torch.randint(3, (32,))
    for _ in range(100):
        for net in (model, twin):
            net.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
        sgd_step([model[0], model[2], model[4]], 0.1, decay)
        optimizer.step()
        for a, b in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)  # rates may differ in their last bit


def test_rates_are_the_formula():
    """Layer l of L has lr * decay^(L - l), in the groups and from scratch; 1/2.6 is 0.38; others raise ValueError."""
    rates = {group["layer"]: group["lr"] for group in layer_groups(Small(), LAYERS, 0.2, 1 / 2.6)}
    assert rates == pytest.approx({0: 0.2 / 2.6**3, 1: 0.2 / 2.6**2, 2: 0.2 / 2.6, 3: 0.2}, rel=1e-12)
    assert list(rates.values()) == pytest.approx([layer_rate(n, 4, 0.2) for n in (1, 2, 3, 4)], rel=1e-12)
    assert round(1 / 2.6, 2) == 0.38
    for wrong in (0, 5):
        with pytest.raises(ValueError, match="of 4"):
            layer_rate(wrong, 4)


@pytest.mark.parametrize("decay", [0.75, 0.5])
def test_groups_equal_timms(decay):
    """The same parameters, weight decay and share of the rate as timm's param_groups_layer_decay; default 0.75."""
    model = Small()
    model.blocks[0][0].weight.requires_grad_(False)
    settings = {} if decay == 0.75 else {"layer_decay": decay}
    reference = timm_optimizers().param_groups_layer_decay(model, 0.05, **settings)
    expected = {id(p): (g["lr_scale"], g["weight_decay"]) for g in reference for p in g["params"]}
    mine = {
        id(p): (g["lr"] / 2.0, g["weight_decay"]) for g in layer_groups(model, LAYERS, 2.0, decay) for p in g["params"]
    }
    assert mine.keys() == expected.keys()
    for key, settings_of_one in mine.items():
        assert settings_of_one == pytest.approx(expected[key], rel=1e-12)


def test_every_parameter_is_in_one_group():
    """Each trained parameter is in exactly one group, frozen ones in none; forgotten, doubled, misspelt: ValueError."""
    model = Small()
    model.blocks[0].requires_grad_(False)
    found = [id(p) for group in layer_groups(model, LAYERS, 0.1) for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    with pytest.raises(ValueError, match=r"norm\.weight is in 0 layers"):
        layer_groups(model, [*LAYERS[:3], ["head"]], 0.1)
    with pytest.raises(ValueError, match=r"blocks\.1\.0\.weight is in 2 layers"):
        layer_groups(model, [LAYERS[0], ["blocks"], *LAYERS[2:]], 0.1)
    with pytest.raises(ValueError, match="'block'"):
        layer_groups(model, [*LAYERS, ["block"]], 0.1)


def test_tied_weights_have_one_name():
    """A weight of embedding and head counts once, as the embedding's; naming the head's, too, is a ValueError."""
    model = nn.ModuleDict({"embedding": nn.Embedding(20, 8), "head": nn.Linear(8, 20, bias=False)})
    model["head"].weight = model["embedding"].weight
    groups = layer_groups(model, [["embedding"]], 0.1)
    assert [p is model["head"].weight for group in groups for p in group["params"]] == [True]
    with pytest.raises(ValueError, match="no parameter is called 'head'"):
        layer_groups(model, [["embedding"], ["head"]], 0.1)


def test_decay_compounds():
    """The lowest of 14 layers has 4e-6 of the head's rate at 1/2.6, and 0.024 of it at 0.75."""
    assert layer_rate(1, 14, 1.0) == pytest.approx(4.0e-6, rel=0.02)
    assert round(layer_rate(1, 14, 1.0, 0.75), 3) == 0.024


def test_weight_decay_follows_the_rate():
    """Without gradient a weight shrinks to 1 - lr * weight_decay: at a tenth of the rate by a tenth as much."""
    low, high = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimizer = torch.optim.AdamW([{"params": [low], "lr": 0.01}, {"params": [high], "lr": 0.1}], weight_decay=0.5)
    low.grad, high.grad = torch.zeros(2, 2), torch.zeros(2, 2)
    optimizer.step()
    torch.testing.assert_close(1 - low.detach(), torch.full((2, 2), 0.005), rtol=1e-4, atol=0.0)  # float32 beside 1
    torch.testing.assert_close(1 - high.detach(), torch.full((2, 2), 0.05), rtol=1e-4, atol=0.0)


def test_lambda_keeps_the_ratios():
    """One function for LambdaLR multiplies each group's own rate: a factor of 100 stays one, at every step."""
    optimizer = two_layers()
    rates = curve(optimizer, lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 20), 15)
    for step, (low, high) in enumerate(rates):
        assert (low, high) == pytest.approx((1e-4 * (1 - step / 20), 1e-2 * (1 - step / 20)), rel=1e-12)


def test_one_cycle_needs_a_list():
    """One max_lr: both groups have the same rate at every step. A list: the ratio of 100 stays."""
    optimizer = two_layers()
    for low, high in curve(optimizer, lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=20), 19):
        assert low == high
    optimizer = two_layers()
    for low, high in curve(optimizer, lr_scheduler.OneCycleLR(optimizer, max_lr=[1e-4, 1e-2], total_steps=20), 19):
        assert high == pytest.approx(100 * low, rel=1e-9)


def test_torch_ignores_lr_scale():
    """timm's groups under torch's AdamW and LambdaLR: every layer has the constructor's rate, then half of it."""
    groups = timm_optimizers().param_groups_layer_decay(Small(), 0.05, layer_decay=0.5)
    assert len({group["lr_scale"] for group in groups}) == 4
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    assert set(rates_of(optimizer)) == {1e-3}
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    assert set(curve(optimizer, scheduler, 1)[-1]) == {5e-4}


def test_eta_min_lifts_low_layers():
    """With eta_min 1e-3 a group at 1e-4 rises to it, step by step, while the head falls; with 0 both fall."""
    optimizer = two_layers()
    rates = curve(optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=1e-3), 20)
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(rates))
    assert rates[-1] == pytest.approx([1e-3, 1e-3], rel=1e-9)
    optimizer = two_layers()
    rates = curve(optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 20), 20)
    assert all(a[0] > b[0] and a[1] > b[1] for a, b in pairwise(rates))


def test_min_lr_is_absolute():
    """min_lr 1e-3: a group at 1e-4 stays there, the head falls from 1e-2 to 1e-3; a list lets both fall."""

    def after(min_lr: float | list[float]) -> list[float]:
        optimizer = two_layers()
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=min_lr)
        for _ in range(6):
            optimizer.step()
            scheduler.step(1.0)
        return rates_of(optimizer)

    assert after(1e-3) == pytest.approx([1e-4, 1e-3], rel=1e-12)
    assert after([1e-5, 1e-3]) == pytest.approx([1e-5, 1e-3], rel=1e-12)


def test_doubled_raises_forgotten_is_silent():
    """torch: a parameter in two groups is a ValueError; one in no group gets a gradient and stays, without a word."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    with pytest.raises(ValueError, match="more than one parameter group"):
        torch.optim.AdamW([{"params": model.parameters()}, {"params": model[1].parameters()}])
    before = copy.deepcopy(model)
    optimizer = torch.optim.AdamW([{"params": model[1].parameters()}], lr=0.1)
    model(torch.ones(3, 4)).square().sum().backward()
    optimizer.step()
    assert model[0].weight.grad.abs().sum() > 0
    assert torch.equal(model[0].weight, before[0].weight)
    assert not torch.equal(model[1].weight, before[1].weight)


@pytest.fixture(scope="module")
def accuracy(evidence) -> dict[tuple[str, str], dict[float, float]]:
    """Task and way -> rate of the head -> mean accuracy."""
    near, between, far = "same images, new head", "grey paper: 1 - x / 2", "pixels permuted"
    return {
        (short, way): dict(zip(RATES, evidence()[task][way], strict=True))
        for short, task in (("near", near), ("between", between), ("far", far))
        for way in DECAYS
    }


def best(accuracy: dict, task: str) -> list[float]:
    """Of one rate, decay 0.7, decay 1/2.6, only the head."""
    return [max(accuracy[task, way].values()) for way in DECAYS]


def test_decay_wins_in_between(accuracy):
    """Grey paper: the better decay is over 0.03 above one rate and over 0.01 above the head alone."""
    one, weak, strong, head = best(accuracy, "between")
    assert max(weak, strong) > one + 0.03
    assert max(weak, strong) > head + 0.01


def test_frozen_is_enough_near_by(accuracy):
    """The old images: 1/2.6 is over 0.015 above one rate, and within 0.02 of the head alone."""
    one, _, strong, head = best(accuracy, "near")
    assert strong > one + 0.015
    assert abs(strong - head) < 0.02


def test_no_gain_far_away(accuracy):
    """Permuted pixels: 0.7 is at most 0.01 above one rate, 1/2.6 over 0.02 below it, the head alone over 0.1."""
    one, weak, strong, head = best(accuracy, "far")
    assert weak < one + 0.01
    assert strong < one - 0.02
    assert head < one - 0.1


def test_decay_wants_a_higher_rate(accuracy):
    """Grey paper: 1/2.6 is over 0.1 below one rate at 0.003, and over 0.15 above it at 0.03."""
    one, strong = accuracy["between", "one rate"], accuracy["between", "decay 1/2.6"]
    assert strong[0.003] < one[0.003] - 0.1
    assert strong[0.03] > one[0.03] + 0.15
