"""classes-confused: what it looks like, and every cause of it planted."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from snippets.checklist.classes_confused import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """More than 15 % of one class is taken for one other class, while most samples are recognized."""
    return run.last("worst pair") > 0.15 and run.last("accuracy") > 0.5


@causes("classes-confused")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures and classes, sorted by class."""
    data = load_digits()
    order = torch.tensor(data.target).argsort(stable=True)
    return torch.tensor(data.images / 16, dtype=torch.float32)[order], torch.tensor(data.target)[order]


@pytest.mark.parametrize("change", [lambda x: x.roll(1, 2), lambda x: x.roll(2, 2), lambda x: 1 - x, lambda x: x * 0.6])
def test_changes_that_leave_the_class_are_no_other_class(change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Shifted, inverted and darker digits are far from all originals, and look like no other digit."""
    assert not check.augmentation_that_makes_another_class(change, *digits())


def test_turned_digits_are_found_in_sorted_data_and_chance_is_set_back() -> None:
    """A turned 6 is a 9, also where the first thousand samples hold five classes only."""

    def augment(x: torch.Tensor) -> torch.Tensor:
        random.random()
        return torch.where(torch.rand(len(x), 1, 1) < 0.5, x.flip(1, 2), x)

    state = random.getstate()
    assert "of class 6 look like class 9" in str(check.augmentation_that_makes_another_class(augment, *digits()))
    assert random.getstate() == state


def test_inputs_that_a_line_tells_apart_do_not_overlap() -> None:
    """Neighbours are misled by columns of different size, by columns of noise and by numbers of tokens."""
    for load in (load_wine, load_breast_cancer):
        data = load()
        x, y = torch.tensor(data.data, dtype=torch.float32), torch.tensor(data.target)
        assert not check.classes_that_overlap(x, y)
    torch.manual_seed(0)
    x = torch.randn(1000, 100)
    assert not check.classes_that_overlap(x, (x[:, 0] > 0).long())
    assert check.classes_that_overlap(x, torch.arange(1000) % 2)
    assert not check.classes_that_overlap(x[:4], torch.arange(4) % 2)
    tokens = torch.randint(100, (1000, 20))
    assert not check.classes_that_overlap(tokens, (tokens == 5).any(dim=1).long())


def test_labels_that_contradict_each_other_make_the_check_speak() -> None:
    """A third of the threes called eights."""
    x, y = digits()
    threes = (y == 3).nonzero().flatten()
    y[threes[::3]] = 8
    assert "class 3 would be class 8" in str(check.classes_that_overlap(x, y))


def test_two_swapped_names_leave_neither_class() -> None:
    """Both are then taken for the other."""
    y = digits()[1]
    swapped = torch.where(y == 2, 7, torch.where(y == 7, 2, y))
    assert check.worst_pair(y, swapped)[2] == 1
