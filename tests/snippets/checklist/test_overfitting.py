"""overfitting: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler

from snippets.checklist.overfitting import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the end the training accuracy is at least 15 points above the validation accuracy."""
    return run.last("accuracy") - run.last("val accuracy") > 0.15


@causes("overfitting")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_classes_that_overlap_are_no_wrong_labels() -> None:
    """Labels that are noise, or rare, contradict their neighbours in both sets; so the check says nothing."""
    torch.manual_seed(0)
    x = torch.randn(3000, 10)
    for y in ((x[:, 0] + 0.7 * torch.randn(3000) > 0).long(), (torch.rand(3000) < 0.08).long()):
        assert len(check.contradicted(x[:1500], y[:1500])) > 0.05 * 1500
        assert not check.labels_against_neighbours(x[:1500], y[:1500], x[1500:], y[1500:])


def test_a_training_set_in_the_order_of_its_classes_is_no_small_one() -> None:
    """Half of such a list lacks half of the classes; the check draws its half at random."""
    torch.manual_seed(0)
    y = torch.arange(1000) // 100
    x = torch.randn(10, 16)[y] + 0.1 * torch.randn(1000, 16)
    assert not check.more_data_would_help(x, y, x[::7], y[::7])


class Stream(IterableDataset[int]):
    """Samples without a number."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


def test_weights_for_each_sample_are_sound_and_those_in_a_batch_sampler_are_seen() -> None:
    """Whether the loader has batches, a batch sampler or neither; other samplers, and streams, are not asked."""
    data = TensorDataset(torch.arange(50))
    few, enough = (WeightedRandomSampler([1.0] * count, 50) for count in (3, 50))
    for sampler, found in ((few, True), (enough, False)):
        for loader in (
            DataLoader(data, 8, sampler=sampler),
            DataLoader(data, batch_size=None, sampler=sampler),
            DataLoader(data, batch_sampler=BatchSampler(sampler, 8, drop_last=False)),
        ):
            assert bool(check.weights_for_too_few_samples(loader)) == found
    for sound in (DataLoader(data, 8, shuffle=True), DataLoader(Stream(), 2), DataLoader(data)):
        assert not check.weights_for_too_few_samples(sound)
    state = torch.get_rng_state()
    assert "draws samples 0 to 2" in check.weights_for_too_few_samples(DataLoader(data, 8, sampler=few))
    assert torch.equal(state, torch.get_rng_state())


def test_samples_without_a_weight_are_never_drawn() -> None:
    """Sorted by class, ten weights draw one class."""
    drawn = set(WeightedRandomSampler([1.0] * 10, 1000))
    assert drawn == set(range(10))
