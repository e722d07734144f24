"""muP: the coordinate check, equality with torch's Adam, and the claims of its page."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler as schedules
from torch.optim.swa_utils import SWALR

from snippets.initialization.mup.evidence import BASE, RATES, SEEDS, WIDTHS
from snippets.initialization.mup.from_scratch import adam_step, forward, learning_rates
from snippets.initialization.mup.use import MuReadout, mup_mlp, mup_parameter_groups


def standard_mlp(width: int) -> nn.Sequential:
    """The same network in torch's parametrization: Kaiming, read-out of variance 1/width, one learning rate."""
    model = mup_mlp(32, width, 10, base_width=width)
    assert model[4].multiplier == 1
    return model


def changes(model: nn.Sequential, groups, steps: int = 3) -> tuple[float, float]:
    """Root mean square change of the second hidden layer's pre-activation, and of the outputs, after some steps."""
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(5))

    def coordinates() -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return model[:3](x), model(x)

    before = coordinates()
    optimizer = torch.optim.Adam(groups)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), torch.arange(64) % 10).backward()
        optimizer.step()
    return tuple((a - b).square().mean().sqrt().item() for a, b in zip(coordinates(), before, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_coordinate_check(seed):
    """From width 64 to 1024, three steps of muP change hidden layer and outputs alike, within a factor of 3."""
    found = []
    for width in (64, 1024):
        torch.manual_seed(seed)
        model = mup_mlp(32, width, 10, base_width=64)
        found.append(changes(model, mup_parameter_groups(model, 1e-3, 64)))
    for small, wide in zip(*found, strict=True):
        assert 1 / 3 < wide / small < 3


@pytest.mark.parametrize("seed", range(3))
def test_standard_outputs_jump_with_width(seed):
    """In torch's parametrization three steps change the outputs over five times as much at width 1024 as at 64."""
    found = []
    for width in (64, 1024):
        torch.manual_seed(seed)
        model = standard_mlp(width)
        found.append(changes(model, [{"params": list(model.parameters()), "lr": 1e-3}]))
    assert found[1][1] / found[0][1] > 5


@pytest.mark.parametrize("seed", range(3))
def test_embedding_keeps_its_rate(seed):
    """From width 64 to 1024, three steps change embeddings, hidden layer and outputs alike, within a factor of 3.

    With the hidden layer's learning rate the embeddings of the wide network change less than a tenth as much.
    """
    tokens = torch.arange(20)

    def moved(width: int, factor: float = 1.0) -> list[float]:
        """Change of embeddings, hidden pre-activation and outputs; factor is that of the embedding's learning rate."""
        torch.manual_seed(seed)
        model = mup_mlp(32, width, 10, base_width=64)
        model[0] = embedding = nn.Embedding(20, width)  # torch's default: variance 1 at any width
        hidden, others = mup_parameter_groups(model, 1e-3, 64)
        assert any(p is embedding.weight for p in others["params"])
        rest = [p for p in others["params"] if p is not embedding.weight]
        groups = [hidden, {"params": rest, "lr": 1e-3}, {"params": [embedding.weight], "lr": 1e-3 * factor}]
        optimizer = torch.optim.Adam(groups)

        def coordinates() -> tuple[Tensor, ...]:
            with torch.no_grad():
                return tuple(model[:depth](tokens) for depth in (1, 3, 5))

        before = coordinates()
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(tokens), tokens % 10).backward()
            optimizer.step()
        return [(a - b).square().mean().sqrt().item() for a, b in zip(coordinates(), before, strict=True)]

    small, wide = moved(64), moved(1024)
    for a, b in zip(small, wide, strict=True):
        assert 1 / 3 < b / a < 3
    assert moved(1024, factor=64 / 1024)[0] < wide[0] / 10


def test_base_width_is_the_ordinary_network():
    """At the base width muP changes nothing: multiplier 1, and all learning rates equal."""
    torch.manual_seed(0)
    model = mup_mlp(32, 64, 10, base_width=64)
    assert model[4].multiplier == 1
    assert [group["lr"] for group in mup_parameter_groups(model, 1e-3, 64)] == [1e-3, 1e-3]
    assert model[4].weight.std().item() == pytest.approx(1 / 8, rel=0.1)
    grouped = [id(p) for group in mup_parameter_groups(model, 1e-3, 64) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


def readout_outputs(multiplier: float, scale: float, eps: float) -> list[Tensor]:
    """Outputs of a linear read-out after each of five steps of Adam: weights and learning rate times ``scale``."""
    torch.manual_seed(0)
    start, x = torch.randn(10, 64, dtype=torch.float64), torch.randn(32, 64, dtype=torch.float64)
    weight = (scale * start).requires_grad_()
    optimizer, found = torch.optim.Adam([weight], lr=0.01 * scale, eps=eps), []
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(multiplier * x @ weight.T, torch.arange(32) % 10).backward()
        optimizer.step()
        found.append(multiplier * x @ weight.detach().T)
    return found


@pytest.mark.parametrize("eps", [0.0, 1e-8, 1e-2])
def test_multiplier_is_the_same_as_smaller_weights(eps):
    """Under Adam, a multiplier m at rate lr equals m times the weights at m times the rate, step by step.

    With the multiplier the gradient is m times as large, and so must eps be. One eps for both, 0.01, is another path.
    """
    m = 1 / 16
    beside, instead = readout_outputs(m, 1.0, m * eps), readout_outputs(1.0, m, eps)
    torch.testing.assert_close(beside, instead, rtol=1e-9, atol=1e-9)
    if eps == 1e-2:
        assert (readout_outputs(m, 1.0, eps)[-1] - instead[-1]).abs().max() > 1e-3


@pytest.fixture(scope="module")
def losses(evidence) -> dict[tuple[str, int], Tensor]:
    """The figure's losses, (rates, seeds), for each parametrization and width."""
    found = {(name, width): f"{name}, width {width}" for name in ("standard", "muP") for width in WIDTHS}
    runs = {key: torch.tensor(evidence()[label], dtype=torch.float64) for key, label in found.items()}
    assert all(run.shape == (len(RATES), SEEDS) for run in runs.values())
    return runs


def test_same_network_at_width_32(losses):
    """At width 32 both parametrizations are the same network: the same losses after 25 steps, bit for bit."""
    assert BASE == 32
    assert torch.equal(losses["standard", 32], losses["muP", 32])


def test_best_rate_stays(losses):
    """muP's best of eight rates moves by a factor of two at most from width 32 to 512; the standard one's by eight.

    From 32 to 128 the standard one falls, too.
    """
    lowest = {name: [RATES[losses[name, width].mean(1).argmin()] for width in WIDTHS] for name in ("standard", "muP")}
    narrow, middle, wide = lowest["standard"]
    assert narrow > middle > wide
    assert wide <= narrow / 8
    assert max(lowest["muP"]) <= 2 * min(lowest["muP"])


def test_tuned_standard_is_no_worse(losses):
    """Each parametrization at its best rate, widths 128 and 512: the standard loss is not a tenth above muP's."""
    assert WIDTHS[1:] == [128, 512]
    for width in WIDTHS[1:]:
        assert losses["standard", width].mean(1).min() < 1.1 * losses["muP", width].mean(1).min()


def test_narrow_base_stands_apart(losses):
    """muP, rates of 2^-9 to 2^-7, the best of 128 and 512: 32 is above 128, by more than 128 differs from 512."""
    narrow, middle, wide = (losses["muP", width].mean(1) for width in WIDTHS)
    for at in range(RATES.index(2.0**-9), RATES.index(2.0**-7) + 1):
        assert narrow[at] - middle[at] > abs(middle[at] - wide[at])


def ratios(make, steps: int = 20) -> list[float]:
    """The ratio of the two groups' rates, 4 at first, as a scheduler leaves it: before each of some updates."""
    model = mup_mlp(32, 256, 10, base_width=64)
    optimizer = torch.optim.Adam(mup_parameter_groups(model, 1e-3, 64))
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        slow, fast = (group["lr"] for group in optimizer.param_groups)
        found.append(fast / slow)
        optimizer.step()
        scheduler.step(*([1.0] if isinstance(scheduler, schedules.ReduceLROnPlateau) else []))
    return found


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: schedules.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
        lambda optimizer: schedules.StepLR(optimizer, step_size=5),
        lambda optimizer: schedules.LinearLR(optimizer, total_iters=10),
        lambda optimizer: schedules.ExponentialLR(optimizer, gamma=0.9),
        lambda optimizer: schedules.PolynomialLR(optimizer, total_iters=30, power=0.9),
        lambda optimizer: schedules.CosineAnnealingLR(optimizer, T_max=30),
        lambda optimizer: schedules.CosineAnnealingWarmRestarts(optimizer, T_0=7),
    ],
    ids=["LambdaLR", "StepLR", "LinearLR", "ExponentialLR", "PolynomialLR", "cosine", "restarts"],
)
def test_plain_scheduler_keeps_the_ratio(make):
    """A scheduler that multiplies each group's rate keeps their ratio; assigning one rate loses it."""
    assert ratios(make) == pytest.approx([4] * 20)
    optimizer = torch.optim.Adam(mup_parameter_groups(mup_mlp(32, 256, 10, base_width=64), 1e-3, 64))
    for group in optimizer.param_groups:
        group["lr"] = 1e-4
    assert optimizer.param_groups[1]["lr"] == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer, rates: schedules.OneCycleLR(optimizer, rates(1e-3), total_steps=30, cycle_momentum=False),
        lambda optimizer, rates: schedules.CyclicLR(optimizer, rates(1e-4), rates(1e-3), cycle_momentum=False),
        lambda optimizer, rates: SWALR(optimizer, rates(1e-4)),
    ],
    ids=["OneCycleLR", "CyclicLR", "SWALR"],
)
def test_one_number_for_all_groups_loses_the_ratio(make):
    """OneCycleLR, CyclicLR, SWALR: ratio 1 with a single number for each rate, 4 with one value for each group."""
    assert ratios(lambda optimizer: make(optimizer, lambda rate: rate))[-1] == pytest.approx(1)
    assert ratios(lambda optimizer: make(optimizer, lambda rate: [rate / 4, rate])) == pytest.approx([4] * 20)


def test_one_floor_for_all_groups_loses_the_ratio():
    """A floor that is one number loses the ratio; a cosine's cannot be a list, ReduceLROnPlateau's can and keeps it."""
    cosines = [(schedules.CosineAnnealingLR, 19), (schedules.CosineAnnealingWarmRestarts, 25)]
    for cosine, length in cosines:
        assert ratios(lambda optimizer, make=cosine, n=length: make(optimizer, n, eta_min=1e-5))[-1] < 3.9
        with pytest.raises((TypeError, ValueError)):
            ratios(lambda optimizer, make=cosine, n=length: make(optimizer, n, eta_min=[2.5e-6, 1e-5]))

    def plateau(floor):
        return ratios(lambda optimizer: schedules.ReduceLROnPlateau(optimizer, patience=0, min_lr=floor))

    assert plateau(1e-5)[-1] == pytest.approx(1)
    assert plateau([2.5e-6, 1e-5]) == pytest.approx([4] * 20)


@pytest.mark.parametrize("factor", [1, 4, 16])
def test_decay_falls_with_width(factor):
    """AdamW without a gradient: hidden weights decay 1 / factor as much; factor times the decay restores it."""
    torch.manual_seed(0)
    lost = {}
    for name, hidden_decay in (("one decay", 0.1), ("more for hidden", 0.1 * factor)):
        groups = mup_parameter_groups(mup_mlp(8, 16 * factor, 4, base_width=16).double(), 0.01, 16)
        groups[0]["weight_decay"] = hidden_decay
        optimizer = torch.optim.AdamW(groups, weight_decay=0.1)
        before = [group["params"][0].detach().clone() for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = torch.zeros_like(p)
        optimizer.step()
        after = [group["params"][0] for group in optimizer.param_groups]
        lost[name] = [1 - (b / a).mean().item() for a, b in zip(before, after, strict=True)]
    assert lost["one decay"] == pytest.approx([0.001 / factor, 0.001], rel=1e-3)
    assert lost["more for hidden"] == pytest.approx([0.001, 0.001], rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_default_readout_breaks_the_start(seed):
    """With nn.Linear as the read-out in place of MuReadout, outputs change over three times as much at width 1024."""
    found = []
    for width in (64, 1024):
        torch.manual_seed(seed)
        model = mup_mlp(32, width, 10, base_width=64)
        model[4] = nn.Linear(width, 10)
        found.append(changes(model, mup_parameter_groups(model, 1e-3, 64))[1])
    assert found[1] / found[0] > 3


def test_from_scratch_equals_torch():
    torch.manual_seed(0)
    model = mup_mlp(8, 32, 10, base_width=16).double()
    for linear in (model[0], model[2], model[4]):
        linear.bias.requires_grad_(False)
    weights = [layer.weight.detach().clone().requires_grad_() for layer in (model[0], model[2], model[4])]
    x = torch.randn(20, 8, dtype=torch.float64)
    torch.testing.assert_close(forward(x, weights, 16), model(x), rtol=1e-12, atol=1e-12)
    optimizer = torch.optim.Adam(mup_parameter_groups(model, 1e-2, 16))
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step in range(1, 6):
        nn.functional.cross_entropy(forward(x, weights, 16), torch.arange(20) % 10).backward()
        adam_step(weights, moments, learning_rates(1e-2, 32, 16), step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), torch.arange(20) % 10).backward()
        optimizer.step()
    for ours, layer in zip(weights, (model[0], model[2], model[4]), strict=True):
        torch.testing.assert_close(ours, layer.weight, rtol=1e-10, atol=1e-10)


def test_module_contract():
    """gradcheck, meta device, torch.compile without a graph break, and a state_dict round trip."""
    torch.manual_seed(0)
    layer = MuReadout(4, 3, 2).double()
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)
    assert math.isclose(layer.multiplier, 0.5)
    with torch.device("meta"):
        assert mup_mlp(3, 8, 2, 4)(torch.empty(5, 3)).shape == (5, 2)
    torch.testing.assert_close(torch.compile(layer, backend="eager", fullgraph=True)(x), layer(x))
    other = MuReadout(4, 3, 2).double()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), layer(x))
