"""LR range test: its ramp and its curve on a parabola in closed form, and the claims of its page."""

import copy
import math
from functools import cache

import pytest
import torch
from torch import nn

from snippets.schedulers.lr_range_test.evidence import LENGTHS, digits, suggestions
from snippets.schedulers.lr_range_test.from_scratch import learning_rate, parabola
from snippets.schedulers.lr_range_test.use import blow_up, lr_range_test, make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of

CROSS_ENTROPY = nn.functional.cross_entropy


class Parabola(nn.Module):
    """Loss ``curvature * w**2 / 2`` from w = 1, in float64; the input is ignored."""

    def __init__(self, curvature=1.0):
        super().__init__()
        self.curvature = curvature
        self.w = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x):
        return self.curvature * self.w.square() / 2


@cache
def on_parabola(curvature=1.0, smoothing=0.0, **settings):
    """Rates and losses of the page's function with SGD on a parabola, raw unless ``smoothing`` is given."""
    model, x = Parabola(curvature), torch.zeros(1)
    optimizer = torch.optim.SGD(model.parameters())
    return lr_range_test(model, optimizer, lambda out, _: out.sum(), [(x, x)], smoothing=smoothing, **settings)


def small_network(seed=0, norm=True):
    """A network for digits, with batch norm or without, and batches of 32 digits."""
    torch.manual_seed(seed)
    x, y = digits()
    middle = [nn.BatchNorm1d(32)] if norm else []
    model = nn.Sequential(nn.Linear(64, 32), *middle, nn.ReLU(), nn.Linear(32, 10))
    return model, list(zip(x[:1184].split(32), y[:1184].split(32), strict=True))


def train_epoch(model, optimizer, loader):
    for x, y in loader:
        optimizer.zero_grad()
        CROSS_ENTROPY(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("settings", [{}, {"total_steps": 100}, {"start_lr": 1e-4, "end_lr": 1.0}])
def test_equals_the_closed_form(settings):
    """ExponentialLR is start * (end / start) ** (t / (T - 1)) for two groups, to 1e-12, whatever their own rates."""
    curve = curve_of(make_scheduler, settings.get("total_steps", 300), (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))
    assert curve[0][0] == settings.get("start_lr", 1e-6)
    assert curve[-1][0] == pytest.approx(settings.get("end_lr", 10.0))


def test_parabola_is_the_product():
    """Before update t the loss is the first one times the product of (1 - lr * curvature)**2 over the rates so far.

    1e-9: close to lr * curvature = 1 the factor is the difference of two nearly equal numbers.
    """
    rates, losses = on_parabola(5.0)
    product = 1.0
    for t, loss in enumerate(losses):
        assert loss == pytest.approx(2.5 * product, rel=1e-9)
        product *= (1 - 5.0 * learning_rate(t)) ** 2
    assert losses == pytest.approx(parabola(5.0)[: len(losses)], rel=1e-9)
    assert len(rates) == len(losses) < 300  # stopped at twice the first loss


@pytest.mark.parametrize("curvature", [0.5, 3.0, 40.0])
@pytest.mark.parametrize("steps", [100, 300, 1000])
def test_lowest_at_two_over_the_curvature(curvature, steps):
    """The raw loss falls up to the last rate below 2 / curvature, and rises from the first one above it."""
    rates, losses = on_parabola(curvature, total_steps=steps)
    lowest = losses.index(min(losses))
    assert rates[lowest - 1] < 2 / curvature <= rates[lowest]


@pytest.mark.parametrize("curvature", [3.0, 40.0])
def test_seen_at_six_times_the_limit(curvature):
    """The loss is back at lr * curvature = 12.6, 6.3 times the limit, with any number of updates.

    Bounds: three rates of the ramp to each side of 12.595, since the sum over updates is not quite the integral.
    """
    for steps in (300, 1000, 3000):
        rates, losses = on_parabola(curvature, total_steps=steps)
        ratio = (10 / 1e-6) ** (3 / (steps - 1))
        assert 12.595 / ratio < blow_up(rates, losses) * curvature < 12.595 * ratio


def test_dilogarithm_is_zero_there():
    """Re Li2(z) = pi**2 / 3 - log(z)**2 / 2 - Li2(1 / z) for z > 1 changes sign at 12.595."""

    def li2(z):
        return math.pi**2 / 3 - math.log(z) ** 2 / 2 - sum(z**-k / k**2 for k in range(1, 60))

    assert li2(12.59) > 0 > li2(12.60)


def steepest(rates, losses):
    """Rate of the steepest fall against log(rate), before the minimum."""
    lowest = losses.index(min(losses))
    slopes = [losses[t + 1] - losses[t - 1] for t in range(1, lowest)]
    return rates[1 + slopes.index(min(slopes))]


def test_steepest_point_follows_the_length():
    """On a parabola the loss falls fastest at 1 / (2 * curvature * n), with n updates per factor of e in the rate."""
    for steps in (300, 1000, 3000):
        rates, losses = on_parabola(40.0, total_steps=steps)
        n = (steps - 1) / math.log(10 / 1e-6)
        assert steepest(rates, losses) * 2 * 40.0 * n == pytest.approx(1, rel=0.1)  # two rates of the shortest ramp


def test_a_rescaled_loss_moves_sgd_alone():
    """A hundred times the loss: SGD blows up at a hundredth of the rate, Adam at the same one."""
    for make, factor in ((torch.optim.SGD, 100), (torch.optim.Adam, 1)):
        model, loader = small_network()
        results = []
        for scale, start in ((1.0, 1e-5), (100.0, 1e-5 / factor)):
            optimizer = make(model.parameters())
            results.append(
                lr_range_test(
                    model,
                    optimizer,
                    lambda out, y, scale=scale: scale * CROSS_ENTROPY(out, y),
                    loader,
                    start_lr=start,
                    end_lr=start * 1e7,
                    total_steps=150,
                )
            )
        (rates, losses), (scaled_rates, scaled_losses) = results
        assert blow_up(scaled_rates, scaled_losses) * factor == pytest.approx(blow_up(rates, losses), rel=0.2)
        assert blow_up(rates, losses) < 50  # it did blow up


def test_leaves_everything_as_it_was():
    """Weights, buffers, gradients, optimizer state and rate stay bit for bit; so does the epoch that follows."""
    for make in (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), lambda p: torch.optim.AdamW(p, lr=0.002)):
        runs = []
        for tested in (False, True):
            model, loader = small_network()
            optimizer = make(model.parameters())
            train_epoch(model, optimizer, loader)  # so that there is state to spoil
            if tested:
                before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
                gradients = [p.grad.clone() for p in model.parameters()]
                _, losses = lr_range_test(model, optimizer, CROSS_ENTROPY, loader)
                assert max(losses) > 1.5 * losses[0]  # it did blow up
                after = (model.state_dict(), optimizer.state_dict())
                torch.testing.assert_close(after, before, rtol=0, atol=0)
                assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))
                assert "initial_lr" not in optimizer.param_groups[0]
            train_epoch(model, optimizer, loader)
            runs.append(model.state_dict())
        torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)


def test_the_copies_do_train():
    """The optimizer's copy moves the model's copy: with two copies made one by one the loss could not fall."""
    model, loader = small_network()
    optimizer = torch.optim.AdamW(model.parameters())
    _, losses = lr_range_test(model, optimizer, CROSS_ENTROPY, loader)
    assert min(losses) < 0.4 * losses[0]
    twin_model, twin_optimizer = copy.deepcopy(model), copy.deepcopy(optimizer)
    held = {id(p) for group in twin_optimizer.param_groups for p in group["params"]}
    assert len(held) == len(list(model.parameters()))
    assert not held & {id(p) for one in (model, twin_model) for p in one.parameters()}, "neither's weights"
    together_model, together = copy.deepcopy((model, optimizer))
    assert {id(p) for p in together.param_groups[0]["params"]} == {id(p) for p in together_model.parameters()}


def scripted(values, **settings):
    """The page's function with a loss that says what it is told, whatever the model does."""
    model, x, told = Parabola(), torch.zeros(1), iter(values)
    optimizer = torch.optim.SGD(model.parameters())
    return lr_range_test(model, optimizer, lambda out, _: 0 * out.sum() + next(told), [(x, x)], **settings)


def test_smoothing_starts_at_the_first_loss():
    """A constant loss stays constant from the first update on; the plain running mean would start at a tenth of it."""
    _, losses = scripted([3.0] * 50, total_steps=50)
    assert losses == pytest.approx([3.0] * 50, rel=1e-12)


def test_stops_where_the_loss_doubles_or_is_not_finite():
    assert len(scripted([1.0] * 20 + [math.nan] * 30, total_steps=50)[0]) == 20
    assert len(scripted([1.0] * 20 + [2.1] * 30, total_steps=50, smoothing=0.0)[0]) == 20
    assert len(scripted([1.0] * 20 + [1.9] * 30, total_steps=50, smoothing=0.0)[0]) == 50


def test_smoothing_is_seven_updates_late():
    """At 0.9 half of a jump shows 7 updates later: a factor of 3 in the rate with 100 updates, 1.5 with 300."""
    for steps, factor in ((100, 3.1), (300, 1.46)):
        jump = steps // 2
        rates, losses = scripted([1.0] * jump + [0.0] * (steps - jump), total_steps=steps)
        seen = next(t for t, loss in enumerate(losses) if loss < 0.5)
        assert seen - (jump - 1) == 7
        assert rates[seen] / rates[jump - 1] == pytest.approx(factor, rel=0.02)


def test_order_of_the_batches_moves_it():
    """Ten orders, SGD with momentum: the highest blow-up is over 2.5 times the lowest in 100 updates, over 1.2 in 300.

    For eight networks 3.1 to 5.1, and 1.3 to 2.6.
    """
    for network, steps, least, most in ((0, 100, 2.5, 6), (1, 100, 2.5, 6), (0, 300, 1.2, 3), (1, 300, 1.2, 3)):
        model, loader = small_network(network, norm=False)
        x, y = (torch.cat(parts) for parts in zip(*loader, strict=True))
        found = []
        for seed in range(10):
            order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
            batches = list(zip(x[order].split(32), y[order].split(32), strict=True))
            optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
            found.append(blow_up(*lr_range_test(model, optimizer, CROSS_ENTROPY, batches, total_steps=steps)))
        assert least < max(found) / min(found) < most


def test_minimum_is_above_the_limit():
    """The smoothed curve of a parabola is lowest near lr * curvature = 11, where training diverges: the limit is 2."""
    for steps in (100, 300, 1000):
        rates, losses = on_parabola(3.0, smoothing=0.9, total_steps=steps)
        assert 9 < 3.0 * rates[losses.index(min(losses))] < 13


def test_saved_weights_are_not_enough():
    """A test on the model itself, undone by copying the weights back: evaluation has over twice the loss of before."""
    model, loader = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_epoch(model, optimizer, loader)
    x, y = loader[0]

    def evaluated():
        with torch.no_grad():
            loss = CROSS_ENTROPY(model.eval()(x), y).item()
        model.train()
        return loss

    good, saved = evaluated(), [p.detach().clone() for p in model.parameters()]
    scheduler = make_scheduler(optimizer, start_lr=1e-4, end_lr=1e3, total_steps=100)
    for batch in loader * 2:  # 74 updates, up to a rate of 15
        train_epoch(model, optimizer, [batch])
        scheduler.step()
    with torch.no_grad():
        for p, old in zip(model.parameters(), saved, strict=True):
            p.copy_(old)
    assert evaluated() > 2 * good


def test_buffers_remember_the_nan():
    """Model put back, optimizer not: after a sweep that ended in NaN the first update makes the good weight NaN."""
    for make in (lambda p: torch.optim.SGD(p, momentum=0.9), torch.optim.Adam):
        model = Parabola()
        optimizer = make(model.parameters())
        weights, state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))

        def update(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            model(torch.zeros(1)).sum().backward()
            optimizer.step()

        scheduler = make_scheduler(optimizer, start_lr=1.0, end_lr=1e300, total_steps=100)
        while model.w.isfinite():
            update()
            scheduler.step()
        update()  # now the gradient is not finite either, and goes into the buffers
        for restored, finite in ((optimizer.state_dict(), False), (state, True)):
            model.load_state_dict(weights)
            optimizer.load_state_dict(restored)
            optimizer.param_groups[0]["lr"] = 0.01
            assert model.w == 1
            update()
            assert model.w.isfinite() == finite


def test_trained_network_tells_nothing():
    """After 20 epochs the loss has no fall left: the median of five readings is under a tenth of the fresh ones'."""
    fresh, trained = [], []
    for seed in range(5):
        model, loader = small_network(seed, norm=False)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        fresh.append(blow_up(*lr_range_test(model, optimizer, CROSS_ENTROPY, loader)))
        for _ in range(20):
            train_epoch(model, optimizer, loader)
        trained.append(blow_up(*lr_range_test(model, optimizer, CROSS_ENTROPY, loader)))
    assert 0.3 < sorted(fresh)[2] < 5
    assert sorted(trained)[2] < sorted(fresh)[2] / 10  # of 16 networks an eighth to a millionth


@pytest.fixture(scope="module")
def compared(evidence):
    """Per optimizer: best rate and loss of the grid, and (rate, loss) of every reading; medians of five networks."""
    found = {}
    for name, numbers in evidence().items():
        loss, rate = min(zip(numbers["grid"]["losses"], numbers["grid"]["rates"], strict=True))
        rates, losses = numbers["readings"]["rates"], numbers["readings"]["losses"]
        found[name] = (rate, loss), {rule: (rates[rule], losses[rule]) for rule in rates}
    return found


def test_a_tenth_of_the_blow_up_is_near(compared):
    """With 300 updates, for all three: within a factor of 6 of the grid's best rate, less than 2.5 times its loss."""
    assert len(compared) == 3
    for (best_rate, best_loss), readings in compared.values():
        rate, loss = readings[f"blow-up / 10, {LENGTHS[-1]}"]
        assert best_rate / 6 < rate < best_rate * 6
        assert loss < 2.5 * best_loss


def test_not_the_best_rate(compared):
    """For plain SGD a tenth of the blow-up is less than two thirds of the grid's best rate."""
    (best_rate, _), readings = compared["SGD"]
    assert readings[f"blow-up / 10, {LENGTHS[-1]}"][0] < best_rate * 2 / 3


def test_steepest_point_does_well_here(compared):
    """With 300 updates, for all three optimizers: the steepest point trains to less than 1.5 times the best loss."""
    assert len(compared) == 3
    for (_, best_loss), readings in compared.values():
        assert readings["steepest, 300"][1] < 1.5 * best_loss


def test_longer_test_lowers_the_steepest_point(compared):
    """Three times the updates, with momentum and AdamW: the steepest point falls to less than half.

    The blow-up falls less: to between 0.35 and 0.95.
    """
    for name in ("SGD, momentum 0.9", "AdamW"):
        readings = compared[name][1]
        steepest, blow_up_at = (
            readings[f"{rule}, 300"][0] / readings[f"{rule}, 100"][0] for rule in ("steepest", "blow-up / 10")
        )
        assert steepest < 0.5
        assert 0.35 < blow_up_at < 0.95
        assert steepest < blow_up_at


def test_training_at_the_minimum_is_worse(compared):
    """With 100 updates: the rate of the minimum trains to more than twice the best loss, with momentum and AdamW."""
    for name in ("SGD, momentum 0.9", "AdamW"):
        (_, best_loss), readings = compared[name]
        assert readings["minimum, 100"][1] > 2 * best_loss


def test_steepest_point_can_be_noise(evidence):
    """In at least one of the fifteen tests the steepest fall is in the first two of six decades."""
    early = 0
    for numbers in evidence().values():
        rates, curves = numbers["sweep"]["rates"], numbers["sweep"]["losses"]
        assert len(curves) == 5
        early += sum(suggestions(rates, curve)["steepest"] < 100 * rates[0] for curve in curves)
    assert early >= 1
