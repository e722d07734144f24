"""same-augmentation: what it looks like, and every cause of it planted."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from snippets.checklist.same_augmentation import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After some epochs hardly any random number is new."""
    return run.series("new draws")[-1] < 0.5


@causes("same-augmentation")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


class _Draws(Dataset[float]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> float:
        return float(np.random.random())


def test_numpy_is_seeded_in_workers() -> None:
    """Today's loader seeds NumPy's global state anew in each worker and each epoch."""
    loader = DataLoader(_Draws(), num_workers=2, generator=torch.Generator())
    drawn = [float(batch) for _ in range(3) for batch in loader]
    assert len(set(drawn)) == 24


class Sometimes(Dataset[dict[str, np.ndarray]]):
    """A sample that changes once in five times, in size too, in a dictionary."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> dict[str, np.ndarray]:
        return {"picture": np.full(4 if np.random.random() < 0.2 else 3, np.random.random() < 0.2)}


class Own(Dataset[float]):
    """A data set with a generator of its own."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> float:
        return float(self.rng.random())


def seed_of_the_worker(worker: int) -> None:
    """A seed for each worker, the same in every epoch."""
    np.random.seed(1 + worker)


def one_seed(worker: int) -> None:
    """One seed for all workers."""
    np.random.seed(1)


def test_rare_augmentation_of_any_kind_of_sample_is_sound() -> None:
    """A change in a fifth of the draws, a dictionary, an array, and parts of different size."""
    assert not check.samples_that_never_change(Sometimes())
    assert not check.draws_that_repeat_in_workers(Sometimes())


def test_persistent_workers_cure_the_epochs_and_not_the_workers() -> None:
    """They are seeded once; a seed that all workers share is found there, too."""
    for fn, finding in ((seed_of_the_worker, ""), (one_seed, "worker 2 repeats")):
        loader = DataLoader(_Draws(), num_workers=2, worker_init_fn=fn, persistent_workers=True)
        found = check.workers_that_start_alike(loader)
        assert finding in str(found or "")
        assert bool(found) is bool(finding)
    assert not check.workers_that_start_alike(DataLoader(_Draws(), worker_init_fn=one_seed))
    first, second = check.draws(Own(), None, persistent=True)
    assert check.alike(*first)
    assert not check.repeats(first, second)


def test_global_seeds_do_not_reach_it() -> None:
    """All four kinds of generators draw on as if nothing had been seeded."""

    def draws(seeds: bool) -> list[float]:
        old, new, own = np.random.RandomState(0), np.random.default_rng(0), random.Random(0)
        torchs = torch.Generator().manual_seed(0)
        if seeds:
            np.random.seed(7)
            random.seed(7)
            torch.manual_seed(7)
        return [old.rand(), new.random(), own.random(), torch.rand(1, generator=torchs).item()]

    assert draws(seeds=True) == draws(seeds=False)
