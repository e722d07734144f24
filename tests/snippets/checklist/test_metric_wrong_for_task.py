"""metric-wrong-for-task: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.metric_wrong_for_task import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls, and the score says that a constant answer is as good, or gives a random one more than 0.8.

    Or it gives the perfect answer less than 0.9.
    """
    falls = run.last("loss") < 0.7 * run.series("loss")[0]
    if chance := run.series("random answer"):
        return falls and chance[-1] > 0.8
    if perfect := run.series("perfect answer"):
        return falls and perfect[-1] < 0.9
    return falls and run.last("score") < run.last("best constant") + 0.02


@causes("metric-wrong-for-task")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def accuracy(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of samples whose largest output is that of their class."""
    return (outputs.argmax(dim=1) == targets).float().mean().item()


def minus_error(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Minus the mean absolute error."""
    return -(outputs - targets).abs().mean().item()


def percent(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Minus the mean absolute percentage error, in percent."""
    return -100 * ((outputs - targets) / targets.abs().clamp(min=1e-6)).abs().mean().item()


def test_the_frequent_one_of_several_classes_is_tried() -> None:
    """A model of five classes that always answers the third; class numbers are no quantities."""
    targets = torch.full((200,), 3)
    targets[:10] = torch.arange(10) % 5
    outputs = torch.nn.functional.one_hot(torch.full((200,), 3), 5).float()
    assert check.score_of_a_constant(accuracy, outputs, targets)
    assert not check.score_of_a_constant(accuracy, torch.nn.functional.one_hot(targets, 5).float(), targets)
    assert not check.score_of_an_almost_perfect_answer(accuracy, targets)


def test_equal_scores_by_chance_are_no_fault_and_probabilities_are_asked() -> None:
    """Half of the samples are right, also with the signs turned; then argmax of one column of probabilities."""
    outputs, targets = torch.tensor([1.0, 1, -1, -1, -1, -1, 1, 1]), torch.tensor([1.0] * 4 + [0.0] * 4)

    def right(outputs: torch.Tensor, targets: torch.Tensor) -> float:
        return ((outputs > 0) == (targets > 0)).float().mean().item()

    assert right(outputs, targets) == right(-outputs, targets)
    assert not check.outputs_that_do_not_matter(right, outputs, targets)
    torch.manual_seed(0)
    column, classes = torch.rand(100, 1), torch.randint(2, (100,))
    assert "above 0.5" in str(check.outputs_that_do_not_matter(accuracy, column, classes))


def test_only_errors_relative_to_a_row_are_decided_by_rows_near_zero() -> None:
    """Large absolute errors where the target is 0 are no fault of the metric; with many zeros, the relative one is."""
    torch.manual_seed(0)
    targets = 1000 * torch.rand(100, 1) * (torch.arange(100) % 5 > 2)[:, None]
    outputs = targets + 10 * torch.randn(100, 1) + 100 * (targets == 0)
    assert not check.rows_that_decide(minus_error, outputs, targets)
    assert check.rows_that_decide(percent, outputs, targets)
    targets = 1 + torch.rand(100, 1)
    targets[0] = 0.05
    assert not check.rows_that_decide(percent, targets * 1.01, targets)


def f1(found: torch.Tensor, targets: torch.Tensor) -> float:
    """Harmonic mean of precision and recall, point by point."""
    return (2 * (found & targets).sum() / (found.sum() + targets.sum())).item()


def test_point_adjustment() -> None:
    """One alarm in a hundred at random: F1 above 0.8 where an event of 300 points counts whole, else below 0.1."""
    targets = torch.zeros(60_000, dtype=torch.bool)
    starts = range(1000, 60_000, 2700)
    for start in starts:
        targets[start : start + 300] = True
    for seed in range(10):
        found = torch.rand(len(targets), generator=torch.Generator().manual_seed(seed)) < 0.01
        assert f1(found, targets) < 0.1
        adjusted = found.clone()
        for start in starts:
            adjusted[start : start + 300] |= found[start : start + 300].any()
        assert f1(adjusted, targets) > 0.8


def test_chance_under_other_metrics() -> None:
    """Silent under accuracy, F1, error, ranks and the best of ten, good model or bad; found if events are filled."""
    torch.manual_seed(0)
    y = torch.rand(1000) < 0.5
    rare = torch.rand(1000) < 0.03
    ranks = lambda o, t: (o[t][:, None] > o[~t]).float().mean().item()  # noqa: E731
    for targets in (y, rare):
        for noise in (0.3, 5.0):
            outputs = targets.float() + noise * torch.randn(1000)
            assert not check.score_of_chance(lambda o, t: f1(o > 0.5, t), outputs, targets)
            assert not check.score_of_chance(lambda o, t: ((o > 0.5) == t).float().mean().item(), outputs, targets)
            assert not check.score_of_chance(ranks, outputs, targets)
    values = torch.randn(1000)
    assert not check.score_of_chance(minus_error, values + torch.randn(1000), values)

    def best_of_ten(o: torch.Tensor, t: torch.Tensor) -> float:
        return ((o > 0.5) == t).view(-1, 10).any(dim=1).float().mean().item()

    assert check.score_of_chance(best_of_ten, y + 0.3 * torch.randn(1000), y) is None  # a constant is as good there
    events = torch.zeros(1000, dtype=torch.bool)
    events[500:600] = True

    def adjusted(o: torch.Tensor, t: torch.Tensor) -> float:
        found = o > o.quantile(0.98)
        return f1(found | t if (found & t).any() else found, t)

    assert "outputs of other samples score" in check.score_of_chance(adjusted, torch.rand(1000), events)


def dice(outputs: torch.Tensor, targets: torch.Tensor, above: float = 0.0, below: float = 0.0) -> float:
    """The mean Dice of the images, with a small number above and below the fraction."""
    found = (outputs > 0.5).float()
    both, either = ((2 * found * targets).flatten(1).sum(1), (found + targets).flatten(1).sum(1))
    return ((both + above) / (either + below)).mean().item()


def test_ceiling_of_the_dice() -> None:
    """The perfect answer gets the share of images with an object, no other gets more; the check speaks, for NaN too."""
    torch.manual_seed(0)
    targets = (torch.rand(20, 1, 8, 8) > 0.7).float()
    for share in (0.0, 0.25, 0.6):
        targets[: int(20 * share)] = 0

        def metric(outputs: torch.Tensor, targets: torch.Tensor) -> float:
            return dice(outputs, targets, 0, 1e-8)

        assert abs(metric(targets, targets) - (1 - share)) < 1e-6
        assert all(metric(torch.rand_like(targets), targets) < 1 - share for _ in range(20))
        said = check.score_of_the_truth(metric, targets)
        assert f"{share:.0%} of the targets are empty" in said if share else said is None
        assert check.score_of_the_truth(lambda o, t: dice(o, t, 1e-6, 1e-6), targets) is None
        assert check.score_of_the_truth(minus_error, targets) is None
        assert bool(check.score_of_the_truth(dice, targets)) == bool(share), "NaN where an image is empty"
    assert check.score_of_the_truth(accuracy, torch.arange(8) % 3) is None
