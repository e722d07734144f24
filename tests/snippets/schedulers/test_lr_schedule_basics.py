"""Step order, resuming, parameter groups: what every scheduler of torch does, and the claims of the page."""

import copy
import inspect
import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from snippets.schedulers.lr_schedule_basics import use as basics
from snippets.schedulers.lr_schedule_basics.evidence import AT, END, WAYS, advance, recursive


def optimizer_of(*rates: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [nn.Parameter(torch.ones(2))], "lr": rate} for rate in rates], lr=0.1)


def test_resume_is_exact():
    """A run resumed from model, optimizer and scheduler equals the uninterrupted one, bit for bit."""
    torch.manual_seed(0)
    x, y = torch.randn(64, 10), torch.randn(64, 1)
    model, optimizer, scheduler = basics.build()
    first = basics.train(model, optimizer, scheduler, x, y, 20)
    saved = copy.deepcopy([model.state_dict(), optimizer.state_dict(), scheduler.state_dict()])
    rest = basics.train(model, optimizer, scheduler, x, y, 60)
    resumed = basics.build()
    for part, state in zip(resumed, saved, strict=True):
        part.load_state_dict(state)
    assert basics.train(*resumed, x, y, 60) == rest
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed[0].parameters(), strict=True))
    assert (first + rest)[0] == pytest.approx(0.01)
    assert (first + rest)[50:] == pytest.approx([0.1] * 30)


def test_wrong_order_skips_the_first_rate():
    """With scheduler.step() before optimizer.step() the first rate is never used, and torch warns once."""
    optimizer = optimizer_of(0.1)
    scheduler = ExponentialLR(optimizer, gamma=0.5)
    used = []
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step\(\)"):
        scheduler.step()
    for _ in range(3):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()  # a second warning would be an error in this suite
    assert used == [0.05, 0.025, 0.0125]


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("guarded", [False, True])
def test_skipped_first_update_warns_too(bad, guarded):
    """A GradScaler skips the first update: the right order warns and loses a rate, unless the scale is looked at."""
    weight = nn.Parameter(torch.ones(2))
    optimizer, scaler = torch.optim.SGD([weight], lr=0.1), torch.amp.GradScaler("cpu")
    scheduler = ExponentialLR(optimizer, gamma=0.5)
    used = []
    for factor in (bad, 1.0, 1.0):
        optimizer.zero_grad()
        scaler.scale((factor * weight).sum()).backward()
        before, scale = weight.detach().clone(), scaler.get_scale()
        rate = optimizer.param_groups[0]["lr"]
        scaler.step(optimizer)
        scaler.update()
        skipped = scaler.get_scale() < scale
        assert torch.equal(weight, before) == skipped == (factor is bad)
        used += [] if skipped else [rate]
        if skipped and not guarded:
            with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step\(\)"):
                scheduler.step()
        elif not skipped:
            scheduler.step()  # any warning would be an error in this suite
    assert used == ([0.1, 0.05] if guarded else [0.05, 0.025])


def test_warning_only_at_the_first_step():
    """The warning looks at the first call only: a wrong order that begins later is silent."""
    optimizer = optimizer_of(0.1)
    scheduler = ExponentialLR(optimizer, gamma=0.5)
    optimizer.step()
    for _ in range(3):
        scheduler.step()  # any warning would be an error in this suite


def test_scheduler_built_after_loading_scales_the_rate_again(evidence):
    """LinearLR(start_factor=0.1) built after the optimizer's state was loaded ends at a tenth of the rate."""
    assert evidence()["all loaded"]["LinearLR"][-1] == pytest.approx(0.1)
    assert evidence()["scheduler built last"]["LinearLR"][-1] == pytest.approx(0.01)


def test_forgotten_optimizer_lowers_the_rate(evidence):
    """Without the optimizer's state the recursion goes on from the first rate, 0.01, and never reaches 0.1."""
    assert evidence()["optimizer forgotten"]["LinearLR"][-1] == pytest.approx(0.1 * 0.1 / 0.46)


def test_forgotten_scheduler_overshoots(evidence):
    """Without the scheduler's state, LinearLR multiplies the loaded rate by ten once more: 4.6 times the base rate."""
    assert evidence()["scheduler forgotten"]["LinearLR"][-1] == pytest.approx(0.46)


@pytest.mark.parametrize("way", WAYS)
def test_one_of_two_readings_looks_right(way):
    """After each wrong way of resuming, either get_last_lr() or the group's rate is what a right resume has."""
    old = optimizer_of(0.1)
    first = recursive(old)
    advance(old, first, AT)
    new = optimizer_of(0.1)
    if way == "scheduler built last":
        new.load_state_dict(copy.deepcopy(old.state_dict()))
    second = recursive(new)
    if way in ("all loaded", "scheduler forgotten"):
        new.load_state_dict(copy.deepcopy(old.state_dict()))
    if way != "scheduler forgotten":
        second.load_state_dict(first.state_dict())
    right = first.get_last_lr()[0]
    readings = {"reported": second.get_last_lr()[0] == right, "used": new.param_groups[0]["lr"] == right}
    wrong = [name for name, is_right in readings.items() if not is_right]
    assert wrong == {"all loaded": [], "scheduler forgotten": ["reported"]}.get(way, ["used"])


def test_closed_form_recovers(evidence):
    """LambdaLR is right again one step after "scheduler built last" and "optimizer forgotten"; LinearLR is not."""
    for kind, recovers in (("LambdaLR", True), ("LinearLR", False)):
        rates = {way: evidence()[way][kind] for way in WAYS}
        for way in ("scheduler built last", "optimizer forgotten"):
            assert (rates[way][AT + 1 :] == rates["all loaded"][AT + 1 :]) == recovers


def test_forgotten_count_repeats_the_warm_up(evidence):
    """LambdaLR without its own state starts the warm-up again."""
    rates = {way: evidence()[way]["LambdaLR"] for way in WAYS}
    assert rates["scheduler forgotten"][AT + 1 :] == rates["all loaded"][1 : END - AT]


def test_another_optimizer_keeps_its_rate():
    """A scheduler writes into the optimizer that it was given; one made later, of the same parameters, stays at 0.1."""
    first = optimizer_of(0.1)
    scheduler = ExponentialLR(first, gamma=0.5)
    second = torch.optim.SGD(first.param_groups[0]["params"], lr=0.1)
    first.step()
    for _ in range(5):
        second.step()
        scheduler.step()
    assert second.param_groups[0]["lr"] == 0.1
    assert first.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**5)


WITH_EPOCH: dict[type, dict] = {
    LambdaLR: {"lr_lambda": lambda t: 0.9**t},
    MultiplicativeLR: {"lr_lambda": lambda t: 0.9},
    StepLR: {"step_size": 3},
    MultiStepLR: {"milestones": [3]},
    ConstantLR: {},
    LinearLR: {},
    ExponentialLR: {"gamma": 0.9},
    PolynomialLR: {"total_iters": 8},
    CosineAnnealingLR: {"T_max": 8},
    CyclicLR: {"base_lr": 0.1, "max_lr": 0.2, "cycle_momentum": False},
    OneCycleLR: {"max_lr": 0.1, "total_steps": 8, "cycle_momentum": False},
}


def test_with_epoch_names_all():
    """These are torch's schedulers that have LRScheduler's step; of the others one takes an epoch without a warning."""
    kinds = {k for k in vars(lr_scheduler).values() if isinstance(k, type) and issubclass(k, LRScheduler)}
    kinds = {k for k in kinds if k.__module__ == lr_scheduler.__name__ and not k.__name__.startswith("_")}
    assert {k for k in kinds - {LRScheduler} if k.step is LRScheduler.step} == set(WITH_EPOCH)
    others = kinds - set(WITH_EPOCH) - {LRScheduler}
    assert others == {CosineAnnealingWarmRestarts, ReduceLROnPlateau, SequentialLR, ChainedScheduler}
    for kind in (SequentialLR, ChainedScheduler):
        assert list(inspect.signature(kind.step).parameters) == ["self"]
    assert list(inspect.signature(ReduceLROnPlateau.step).parameters)[1] == "metrics"


@pytest.mark.parametrize("kind", [*WITH_EPOCH, CosineAnnealingWarmRestarts], ids=lambda kind: kind.__name__)
def test_epoch_argument_warns(kind):
    """scheduler.step(3) warns that the argument is deprecated, step() does not; warm restarts take 3 silently."""
    optimizer = optimizer_of(0.1)
    scheduler = kind(optimizer, **WITH_EPOCH.get(kind, {"T_0": 8}))
    optimizer.step()
    scheduler.step()  # any warning would be an error in this suite
    if kind is CosineAnnealingWarmRestarts:
        scheduler.step(2.5)
        assert scheduler.T_cur == 2.5
        return
    with pytest.warns(UserWarning, match=r"The epoch parameter in `scheduler.step\(\)` was not necessary and is being"):
        scheduler.step(3)


def test_loading_overrides_the_settings():
    """load_state_dict brings the old settings back: a longer T_max given to the constructor is lost without a word."""
    old = CosineAnnealingLR(optimizer_of(0.1), T_max=100)
    new = CosineAnnealingLR(optimizer_of(0.1), T_max=300)
    new.load_state_dict(old.state_dict())
    assert new.T_max == 100


def test_finished_cosine_stays_at_zero():
    """A cosine stepped to its end has rate 0 for the rest with a longer T_max, and so has a new one built at 0.

    With a new `lr` and `initial_lr` in the group new schedules start from there, recursive or not.
    """
    optimizer = optimizer_of(0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=100)
    advance(optimizer, scheduler, 100)
    scheduler.T_max = 300
    assert advance(optimizer, scheduler, 200) == [0] * 200
    assert advance(optimizer, CosineAnnealingLR(optimizer, T_max=200), 200) == [0] * 200
    group = optimizer.param_groups[0]
    for keys, start in ((["lr"], 0.1), (["lr", "initial_lr"], 0.05)):  # LambdaLR starts from initial_lr
        group.update(dict.fromkeys(keys, 0.05))
        assert advance(optimizer, LambdaLR(optimizer, lambda t: 1 - t / 200), 1) == pytest.approx([start])
    group["lr"] = 0.05
    rates = advance(optimizer, CosineAnnealingLR(optimizer, T_max=200), 201)
    assert (rates[0], rates[100], rates[200]) == pytest.approx((0.05, 0.025, 0.0), abs=1e-9)


def test_base_rates_are_loaded_too():
    """A new base rate given to the optimizer is lost as well: `initial_lr` comes with the optimizer's state."""
    old, new = optimizer_of(0.1), optimizer_of(0.5)
    first, second = LambdaLR(old, lambda step: 0.9**step), LambdaLR(new, lambda step: 0.9**step)
    new.load_state_dict(old.state_dict())
    second.load_state_dict(first.state_dict())
    new.step()
    second.step()
    assert second.get_last_lr() == pytest.approx([0.09])


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: LambdaLR(optimizer, lambda step: 1 / (1 + step)),
        lambda optimizer: StepLR(optimizer, step_size=2, gamma=0.1),
        lambda optimizer: LinearLR(optimizer, start_factor=0.1, total_iters=4),
        lambda optimizer: ExponentialLR(optimizer, gamma=0.9),
        lambda optimizer: PolynomialLR(optimizer, total_iters=8, power=0.9),
        lambda optimizer: CosineAnnealingLR(optimizer, T_max=8),
    ],
    ids=["LambdaLR", "StepLR", "LinearLR", "ExponentialLR", "PolynomialLR", "cosine"],
)
def test_groups_keep_their_ratio(make):
    """Every group has the rate that it would have alone, and so the groups keep their ratio."""
    together, alone = optimizer_of(0.1, 0.001), [optimizer_of(0.1), optimizer_of(0.001)]
    runs = [(optimizer, make(optimizer)) for optimizer in (together, *alone)]
    for _ in range(6):
        rates = [scheduler.get_last_lr() for _, scheduler in runs]
        assert rates[0] == rates[1] + rates[2]
        assert rates[0][0] / rates[0][1] == pytest.approx(100)
        for optimizer, scheduler in runs:
            optimizer.step()
            scheduler.step()


@pytest.mark.parametrize(
    ("make", "raises"),
    [
        (lambda optimizer: LambdaLR(optimizer, lambda step: 0.9**step), True),
        (lambda optimizer: CyclicLR(optimizer, base_lr=0.1, max_lr=0.2), True),
        (lambda optimizer: CosineAnnealingWarmRestarts(optimizer, T_0=8), True),
        (lambda optimizer: StepLR(optimizer, step_size=1, gamma=0.1), False),
        (lambda optimizer: ExponentialLR(optimizer, gamma=0.9), False),
        (lambda optimizer: PolynomialLR(optimizer, total_iters=8), False),
        (lambda optimizer: CosineAnnealingLR(optimizer, T_max=8), False),
    ],
)
def test_group_added_later_is_an_error(make, raises):
    """A group added after LambdaLR, CyclicLR or WarmRestarts is a ValueError; the others scale it as the old one."""
    optimizer = optimizer_of(0.1)
    scheduler = make(optimizer)
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))], "lr": 0.5})
    optimizer.step()
    if raises:
        with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter than argument 1"):
            scheduler.step()
        return
    scheduler.step()
    old, new = (group["lr"] for group in optimizer.param_groups)
    assert old < 0.1
    assert new / old == pytest.approx(5)


def test_hand_set_rate_survives_only_in_recursive_schedulers():
    """A rate written into the group is multiplied on by ExponentialLR and overwritten by LambdaLR."""
    for make, expected in [(lambda o: ExponentialLR(o, 0.9), 0.009), (lambda o: LambdaLR(o, lambda t: 0.9**t), 0.09)]:
        optimizer = optimizer_of(0.1)
        scheduler = make(optimizer)
        optimizer.param_groups[0]["lr"] = 0.01
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == pytest.approx([expected])


def test_get_lr_is_not_the_current_rate():
    """get_lr() outside of step() warns, and for a recursive scheduler returns the next rate, not the current one."""
    scheduler = ExponentialLR(optimizer_of(0.1), gamma=0.5)
    with pytest.warns(UserWarning, match="get_last_lr"):
        assert scheduler.get_lr() == [0.05]
    assert scheduler.get_last_lr() == [0.1]


def test_per_batch_with_epoch_settings():
    """A schedule set for 30 epochs but stepped at each of 100 batches: 0.1**3 of the rate is left after epoch 0."""
    optimizer = optimizer_of(0.1)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
    for _ in range(100):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([1e-4])


def test_two_schedulers_multiply():
    """Two recursive schedulers stepped on one optimizer multiply their factors."""
    optimizer = optimizer_of(0.1)
    first, second = ExponentialLR(optimizer, 0.9), LinearLR(optimizer, start_factor=0.5, total_iters=10)
    for step in range(1, 30):
        optimizer.step()
        first.step()
        second.step()
        want = 0.1 * 0.9**step * (0.5 + 0.5 * min(step, 10) / 10)
        assert math.isclose(optimizer.param_groups[0]["lr"], want, rel_tol=1e-12)


def test_stepped_by_each_process_ends_early():
    """Eight steps at each update: a cosine of 800 steps is at 0 after 100 updates, and back at its peak after 200."""
    optimizer = optimizer_of(0.1)
    scheduler, rates = CosineAnnealingLR(optimizer, T_max=800), []
    for _ in range(201):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for _ in range(8):
            scheduler.step()
    assert min(rates[:100]) > 0
    assert rates[100] == 0
    assert rates[200] == pytest.approx(0.1)


def test_last_epoch_needs_initial_lr():
    """`last_epoch` in place of a state needs `initial_lr` in every group, else KeyError."""
    with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\]"):
        StepLR(optimizer_of(0.1), 30, last_epoch=10)


def test_last_epoch_misses_the_cycle():
    """Cycles of 10, 20, 40: resumed at update 50 with last_epoch=49 the rate is the peak; 20 steps into 40 is due."""
    whole = optimizer_of(1.0)
    scheduler = CosineAnnealingWarmRestarts(whole, T_0=10, T_mult=2)
    for _ in range(50):
        whole.step()
        scheduler.step()
    resumed = optimizer_of(1.0)
    resumed.param_groups[0]["initial_lr"] = 1.0
    CosineAnnealingWarmRestarts(resumed, T_0=10, T_mult=2, last_epoch=49)
    assert whole.param_groups[0]["lr"] == pytest.approx(0.5)
    assert resumed.param_groups[0]["lr"] == pytest.approx(1.0)


def test_sequential_ignores_last_epoch():
    """SequentialLR(last_epoch=4), `initial_lr` in the group: the rate is 0.1 where 0.9 is due; its state brings 0.9."""

    def sequence(optimizer: torch.optim.Optimizer, last_epoch: int = -1) -> SequentialLR:
        parts = [ConstantLR(optimizer, 0.1, total_iters=3), ExponentialLR(optimizer, 0.9)]
        return SequentialLR(optimizer, parts, milestones=[3], last_epoch=last_epoch)

    whole = optimizer_of(1.0)
    scheduler = sequence(whole)
    for _ in range(4):
        whole.step()
        scheduler.step()
    resumed = optimizer_of(1.0)
    resumed.param_groups[0]["initial_lr"] = 1.0
    sequence(resumed, last_epoch=4)
    assert resumed.param_groups[0]["lr"] == pytest.approx(0.1)
    loaded = optimizer_of(1.0)
    again = sequence(loaded)
    loaded.load_state_dict(whole.state_dict())
    again.load_state_dict(scheduler.state_dict())
    assert loaded.param_groups[0]["lr"] == whole.param_groups[0]["lr"] == pytest.approx(0.9)
