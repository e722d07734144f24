"""too-good-to-be-true: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from sklearn.datasets import load_iris

from snippets.checklist.too_good_to_be_true import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The score on the validation set is far above the score on data that nobody has touched."""
    return run.last("val score") - run.last("new score") > 0.12


@causes("too-good-to-be-true")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_padding_is_no_shared_moment() -> None:
    """Zeros at the end of every window occur on both sides of any split; overlapping windows are found all the same."""
    torch.manual_seed(0)
    apart = torch.randn(200, 20, 3)
    apart[:, 12:] = 0.0
    assert not check.moments_across_the_split(apart[:150], apart[150:])
    signal = torch.randn(2020, 3)
    windows = torch.stack([signal[start : start + 20] for start in range(0, 2000, 5)])
    assert check.moments_across_the_split(windows[::2], windows[1::2])


def test_an_honest_feature_and_rows_of_categories() -> None:
    """The check speaks of the petals of irises, and of rows of four categories, as the page says."""
    iris = load_iris()
    found = check.one_feature_tells_all(torch.tensor(iris.data), torch.tensor(iris.target))
    assert f"feature {iris.feature_names.index('petal width (cm)')} alone" in found
    rows = torch.randint(0, 3, (2000, 4))
    assert check.copies_across_the_split(rows[:1600], rows[1600:])


def test_nan_ranks_first() -> None:
    """Where the own score, the others' or both are NaN, none of the others is counted; among finite ones some are."""
    own, others = torch.tensor(0.0), torch.linspace(-1, 1, 100)
    nan = torch.tensor(torch.nan)
    assert int((others > own).sum()) == 50
    for scores, score in ((others, nan), (others * nan, own), (others * nan, nan)):
        assert int((scores > score).sum()) == 0
