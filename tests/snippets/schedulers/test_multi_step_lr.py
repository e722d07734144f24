"""MultiStepLR: equal to its closed form, and the claims of its page."""

from collections import Counter

import pytest
import torch

from snippets.schedulers.multi_step_lr.evidence import BASE, MILESTONES, STEPS, mean_loss, rates_of
from snippets.schedulers.multi_step_lr.from_scratch import learning_rate
from snippets.schedulers.multi_step_lr.use import make_scheduler
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize("milestones", [(100, 150), (3,), (), (20, 20, 60), (150, 100)])
def test_equals_the_closed_form(milestones):
    """The recursion is base * gamma ** (milestones reached), to 1e-12, for two groups, in any order of milestones."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), milestones=milestones)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, milestones=milestones))


def test_milestone_is_the_first_low_step():
    """Milestone 100 is the first step with the lower rate; 99 has the old one still."""
    rates = [row[0] for row in curve_of(make_scheduler, 151)]
    assert rates[99] == 0.1
    assert rates[100] == pytest.approx(0.01)
    assert rates[150] == pytest.approx(0.001)


def test_repeated_milestone_counts_twice():
    """A milestone given twice drops the rate by gamma squared."""
    assert curve_of(make_scheduler, 6, milestones=(5, 5))[5][0] == pytest.approx(0.001)


def test_milestone_zero():
    """Milestone 0 lowers the first rate already, because the constructor makes step 0."""
    assert curve_of(make_scheduler, 1, milestones=(0,))[0][0] == pytest.approx(0.01)
    assert learning_rate(0, milestones=(0,)) == pytest.approx(0.01)


def test_resumes():
    """The milestones travel in the state: the rest is bit for bit the same.

    With a milestone of 0 a scheduler made after the optimizer's state was loaded lowers the rest by gamma once more.
    """
    rates = (0.1, 0.003)
    for milestones in ((100, 150), (0, 100), (99, 99)):
        whole = curve_of(make_scheduler, 200, rates, milestones=milestones)
        for at in (0, 1, 99, 100, 120, 160):
            rest = interrupted(make_scheduler, 200, at, rates, milestones=milestones)[0]
            late = interrupted(make_scheduler, 200, at, rates, built_last=True, milestones=milestones)[0]
            assert rest == whole[at:]
            factor = 0.1 if 0 in milestones else 1.0
            assert late == [pytest.approx([factor * lr for lr in row], rel=1e-12) for row in whole[at:]]


def test_old_milestones_come_back():
    """After load_state_dict the checkpoint's milestones hold, not those given to the constructor."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    old = make_scheduler(optimizer, milestones=(5,)).state_dict()
    new = make_scheduler(optimizer, milestones=(50,))
    new.load_state_dict(old)
    assert list(new.milestones.elements()) == [5]


def test_milestones_can_be_moved():
    """Setting the attribute after load_state_dict moves the milestone at 20 to 30 in a run that is at step 10."""
    old, old_scheduler = new_run(make_scheduler, (0.1,), milestones=(5, 20))
    advance(old, old_scheduler, range(10))
    optimizer, scheduler = new_run(make_scheduler, (0.1,), milestones=(5, 30))
    optimizer.load_state_dict(old.state_dict())
    scheduler.load_state_dict(old_scheduler.state_dict())
    scheduler.milestones = Counter([5, 30])
    rest = advance(optimizer, scheduler, range(10, 40))
    assert rest == [[pytest.approx(learning_rate(t, milestones=(5, 30)))] for t in range(10, 40)]


def test_fractional_milestone_is_skipped():
    """Milestones 37.5 and 60: the rate is lowered once, at 60; with 37 and 60 it is lowered twice."""
    rates = [row[0] for row in curve_of(make_scheduler, 200, milestones=(37.5, 60))]
    assert rates[:60] == [0.1] * 60
    assert rates[60:] == pytest.approx([0.01] * 140)
    assert curve_of(make_scheduler, 200, milestones=(37, 60))[-1][0] == pytest.approx(0.001)


def test_epochs_as_milestones_of_updates():
    """Milestones 30 and 60 meant in epochs, stepped at each of 100 batches, are both passed in the first epoch."""
    assert curve_of(make_scheduler, 100, milestones=(30, 60))[99][0] == pytest.approx(0.001)


def test_usual_milestones_end_lowest(evidence):
    """Of the three pairs 50 and 75 % end lowest from 0.5, 0.17 and 1.5; from 0.05 late drops do, and none is better."""
    last = {name.split(",")[0]: losses[-1] for name, losses in evidence().items()}
    shown = {"usual": 0.108, "early": 0.144, "late": 0.215, "never": 0.293}
    assert last == pytest.approx(shown, abs=1e-3)
    assert min(last, key=last.__getitem__) == "usual"

    def lowest(base: float) -> list[str]:
        rates = {name.split(",")[0]: rates_of(at) for name, at in MILESTONES.items()} | {"never": [BASE] * STEPS}
        ends = {name: mean_loss([base / BASE * lr for lr in row])[-1] for name, row in rates.items()}
        return sorted(ends, key=ends.__getitem__)

    assert [lowest(base)[0] for base in (BASE / 3, BASE, 3 * BASE)] == ["usual"] * 3
    assert lowest(BASE / 10)[:2] == ["never", "late"]


CURVATURES = torch.tensor([[1.0], [0.05]])


def simulated(milestones: tuple[int, ...]) -> torch.Tensor:
    """Positions of 20000 runs of SGD after the experiment's 200 updates, drawn: (directions, runs)."""
    torch.manual_seed(0)
    x = torch.full((2, 20000), 3.0)
    for lr in rates_of(milestones):
        x = x - lr * (CURVATURES * x + torch.randn(x.shape))
    return x


@pytest.mark.parametrize("milestones", MILESTONES.values())
def test_mean_loss_recursion_is_right(milestones):
    """The exact mean agrees with 20000 simulated runs to 5%, for each of the three pairs."""
    loss = (CURVATURES * simulated(milestones).square() / 2).sum(0).mean().item()
    assert loss == pytest.approx(mean_loss(rates_of(milestones))[-1], rel=0.05)


def test_early_is_far_late_is_noisy():
    """Early: the mean's flat part is about half of the loss. Late: both directions' noise is above the usual pair's."""
    early, usual, late = (simulated(milestones) for milestones in MILESTONES.values())
    loss = (CURVATURES * early.square() / 2).sum(0).mean()
    flat = CURVATURES[1] * early[1].mean() ** 2 / 2
    assert 0.4 < (flat / loss).item() < 0.6
    assert (late.var(1) > usual.var(1)).all()
