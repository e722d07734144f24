"""regression-predicts-mean: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.regression_predicts_mean import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Predictions vary far less than the targets do."""
    return run.last("spread") < 0.4


@causes("regression-predicts-mean")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_one_year_among_twenty_features_is_found_and_two_outputs_are_refused_by_torch() -> None:
    """A year is enough to saturate every unit, a mean of 11 is not; (64, 2) and (64,) never broadcast."""
    x = torch.randn(500, 20)
    x[:, 3] += 11
    assert not check.features_with_an_offset(x)
    x[:, 3] += 2000
    assert "1 of 20" in check.features_with_an_offset(x)
    assert not check.shapes_that_broadcast(torch.randn(64, 2), torch.randn(64))


def test_sorted_targets_and_several_targets_are_explained() -> None:
    """In a table sorted by its targets the first 2000 rows vary little; features of it say all the same."""
    x = torch.randn(20000, 3).sort(dim=0).values[:, :1] + 0.3 * torch.randn(20000, 3)
    assert not check.features_that_say_nothing(x, x.mean(dim=1).sort().values)
    assert not check.features_that_say_nothing(x, x[:, :2])
    assert not check.features_that_say_nothing(x[:8], x[:8, 0])
    assert check.features_that_say_nothing(x, torch.randn(20000, 2))
