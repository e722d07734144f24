"""labels-misaligned: what it looks like, and every cause of it planted."""

from __future__ import annotations

import random
from statistics import fmean

import torch

from snippets.checklist.labels_misaligned import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Training ends hardly better than the best constant answer, which looks at no input."""
    return fmean(run.series("loss")[-3:]) > 0.75 * run.last("best constant")


@causes("labels-misaligned")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def clusters(labels: torch.Tensor) -> torch.Tensor:
    """Inputs that lie near the place of their class."""
    places = 5 * torch.randn(10, 8, generator=torch.Generator().manual_seed(0))
    return places[labels] + torch.randn(len(labels), 8, generator=torch.Generator().manual_seed(1))


def test_names_are_compared_by_what_tells_them_apart() -> None:
    """Zeros in front, a word or a number that all masks share are sound; words in another order are not."""
    names = [f"img_{i}.png" for i in range(1, 20)]
    assert not check.files_paired_by_position(names, [f"mask512_{i:04d}.png" for i in range(1, 20)])
    assert not check.files_paired_by_position(["cat.png", "dog.png"], ["cat_mask.png", "dog_mask.png"])
    assert check.files_paired_by_position(["cat.png", "dog.png"], ["dog_mask.png", "cat_mask.png"])
    assert check.files_paired_by_position(["p1_2.png", "p2_1.png"], ["p2_1.png", "p1_2.png"])


def test_sorted_and_rare_classes() -> None:
    """Wrong labels in files sorted by class are found; a class of 3 % with right labels is sound; so is a small set."""
    labels = torch.arange(10).repeat_interleave(100)
    x = clusters(labels)
    assert not check.labels_at_chance(x, labels)
    assert check.labels_at_chance(x[torch.randperm(1000)], labels)
    rare = (torch.rand(2000, generator=torch.Generator().manual_seed(2)) < 0.03).long()
    hard = clusters(rare) * 0.4 + torch.randn(2000, 8, generator=torch.Generator().manual_seed(3))
    assert not check.labels_at_chance(hard, rare)
    assert not check.labels_that_slip(hard, rare)
    assert not check.labels_at_chance(x[::10], labels[::10])


def test_one_part_with_other_inputs_is_no_slip() -> None:
    """Labels that fit before and behind a part whose inputs say nothing did not slip; a dropped row makes them."""
    labels = torch.randint(10, (1200,), generator=torch.Generator().manual_seed(4))
    x = clusters(labels)
    noisy = x.clone()
    noisy[400:600] = torch.randn(200, 8)
    assert not check.labels_that_slip(noisy, labels)
    assert "from sample 400" in check.labels_that_slip(torch.cat([x[:390], x[391:]]), labels[:-1])


class Flipped(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """One picture, mirrored in half of the draws by Python's own random numbers."""

    def __init__(self, target: torch.Tensor) -> None:
        self.x, self.target = torch.arange(48.0).reshape(3, 4, 4), target

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x.flip(-1) if random.random() < 0.5 else self.x, self.target


def test_masks_are_places_and_several_labels_are_none() -> None:
    """A mask of class numbers that stays is found, labels of the whole picture are not, and no random state moves."""
    state = random.getstate()
    assert check.flips_that_leave_the_target(Flipped(torch.arange(16).reshape(4, 4)))
    assert not check.flips_that_leave_the_target(Flipped(torch.tensor([1.0, 0.0, 1.0])))
    assert not check.flips_that_leave_the_target(Flipped(torch.tensor(3)))
    assert random.getstate() == state
