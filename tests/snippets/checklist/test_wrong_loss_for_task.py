"""wrong-loss-for-task: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from snippets.checklist.wrong_loss_for_task import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The loss falls, and the score that counts stays low."""
    losses, scores = run.series("loss"), run.series("score")
    return sum(losses[-3:]) / 3 < 0.9 * losses[0] and sum(scores[-3:]) / 3 < 0.62


@causes("wrong-loss-for-task")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_what_a_constant_answers() -> None:
    """Of all constants, squared error is smallest at the mean and absolute error at the median."""
    targets = torch.tensor([10.0, 10.0, 11.0, 12.0, 60.0])
    constants = torch.arange(0, 70, 0.1)
    squared = torch.stack([F.mse_loss(c.expand(5), targets) for c in constants])
    absolute = torch.stack([F.l1_loss(c.expand(5), targets) for c in constants])
    assert constants[squared.argmin()].item() == pytest.approx(targets.mean().item(), abs=0.06)
    assert constants[absolute.argmin()].item() == pytest.approx(targets.median().item(), abs=0.06)


def test_squared_error_between_two_classes() -> None:
    """Torn between class 1 and class 9, the answer with the smallest squared error is class 5."""
    targets = torch.tensor([1.0, 9.0])
    losses = [F.mse_loss(torch.full((2,), float(answer)), targets).item() for answer in range(10)]
    assert min(range(10), key=losses.__getitem__) == 5


def test_losses_of_probabilities_and_of_class_numbers_are_asked_in_their_own_terms() -> None:
    """One minus Dice of probabilities is sound and Dice is a score; so is the log-likelihood of class numbers."""
    targets = (torch.arange(40).reshape(8, 5) % 3 == 0).float()
    outputs, classes = torch.rand(8, 5), torch.arange(8) % 5
    dice = lambda p, t: 2 * (p * t).sum() / (p.sum() + t.sum())  # noqa: E731
    assert not check.loss_of_right_and_wrong(lambda p, t: 1 - dice(p, t), outputs, targets)
    assert check.loss_of_right_and_wrong(dice, outputs, targets)
    assert not check.loss_of_right_and_wrong(nn.BCELoss(), outputs, targets)
    assert not check.loss_of_right_and_wrong(nn.CrossEntropyLoss(), 9 * outputs, classes)
    assert check.loss_of_right_and_wrong(lambda o, t: -F.cross_entropy(o, t), 9 * outputs, classes)


def test_soft_labels_and_rare_positives_are_sound() -> None:
    """Probabilities that sum to 1 up to rounding are one label; zeros and ones have no median to answer."""
    outputs = torch.randn(64, 5)
    assert not check.several_labels_share_a_softmax(nn.CrossEntropyLoss(), outputs, torch.randn(64, 5).softmax(dim=1))
    rare = (torch.arange(64) % 4 == 0).float()
    assert not check.constant_that_is_best(nn.BCEWithLogitsLoss(), rare)
    assert check.class_numbers_as_quantities(outputs[:, 0], torch.tensor([0.0, 1.0, 2.0, 4.0])[torch.arange(64) % 4])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_integer_mask_picks_rows(seed: int) -> None:
    """int32 and int64 pick and clear rows 0 and 1, of vectors and of tables; bool marks; floats are refused."""
    torch.manual_seed(seed)
    mask = torch.rand(10) < 0.5
    mask[4:6] = torch.tensor([True, False])
    for losses in (torch.rand(10), torch.rand(10, 3)):
        assert torch.equal(losses[mask], losses[mask.nonzero()[:, 0]])
        for dtype in (torch.int32, torch.int64):
            picked = losses[mask.to(dtype)]
            assert len(picked) == 10
            assert all(torch.equal(row, losses[int(marked)]) for row, marked in zip(picked, mask, strict=True))
            cleared = losses.clone()
            cleared[mask.to(dtype)] = 0
            assert torch.equal(cleared[2:], losses[2:])
            assert (cleared[:2] == 0).all()
        with pytest.raises(IndexError):
            losses[mask.float()]


@pytest.mark.parametrize("known", [1.0, 0.6])
def test_cox_at_the_start(known: float) -> None:
    """The cured loss of equal outputs is that mean: exactly, and about 3.9 whether few or many have failed."""
    torch.manual_seed(0)
    loss_fn = run(program("wrong-loss-for-task/mask-as-index", "fixed")).names["loss_fn"]
    losses = []
    for _ in range(50):
        failed = torch.rand(128) < known
        targets = torch.stack([torch.randperm(128), failed.long()], dim=1)
        at_risk = (targets[:, 0] >= targets[:, :1]).sum(dim=1)[failed]
        losses.append(loss_fn(torch.full((128,), 0.7), targets))
        torch.testing.assert_close(losses[-1], at_risk.float().log().mean())
    assert torch.stack(losses).mean().item() == pytest.approx(3.9, abs=0.05)


def test_losses_of_few_samples() -> None:
    """Found in tables, images and for one class; silent where most count, where nothing does, and in tiny batches."""
    outputs, mask = torch.randn(16, 3), torch.arange(16) % 3 == 0

    def masked(index: torch.Tensor) -> bool:
        return bool(check.loss_of_two_samples(lambda o, t: (o - t).square()[index].mean(), outputs, torch.zeros(16, 3)))

    assert masked(mask.long())
    assert masked(torch.ones(16, dtype=torch.long))
    assert not masked(mask)
    classes = torch.arange(16) % 3
    assert check.loss_of_two_samples(
        lambda o, t: F.cross_entropy(o, t, reduction="none")[(t > 0).int()],
        torch.randn(16, 3, 4, 4).mean((2, 3)),
        classes,
    )
    for loss_fn in (nn.CrossEntropyLoss(), lambda o, t: F.cross_entropy(o, t, reduction="none")):
        assert not check.loss_of_two_samples(loss_fn, outputs, classes)
    assert not check.loss_of_two_samples(nn.BCELoss(), torch.rand(16), mask.float())
    assert not check.loss_of_two_samples(lambda o, t: (o.round() - t).abs().mean(), torch.rand(16), mask.float())
    assert not check.loss_of_two_samples(lambda o, t: (o.argmax(1) == t).float(), outputs, classes)
    assert not check.loss_of_two_samples(nn.MSELoss(), torch.rand(2), torch.rand(2))
