"""Loaders: what they give with any number of workers, how their time is split, and the claims of the page."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

from snippets.training.data_loading.use import make_loader, mine, waiting_and_working

SAMPLES = 50
ANY_WORKERS = pytest.mark.parametrize("workers", [0, 1, 2])


def epoch(loader: DataLoader) -> list[list[int]]:
    return [batch.tolist() for (batch,) in loader]


@ANY_WORKERS
def test_each_sample_once(workers: int) -> None:
    """Training: batches of one size, no sample twice, two epochs in different orders. Evaluation: all, in order."""
    dataset = TensorDataset(torch.arange(SAMPLES))
    loader = make_loader(dataset, 8, train=True, num_workers=workers)
    first, second = epoch(loader), epoch(loader)
    for batches in (first, second):
        assert [len(batch) for batch in batches] == [8] * (SAMPLES // 8)
        assert max(Counter(i for batch in batches for i in batch).values()) == 1
    assert first != second
    in_order = epoch(make_loader(dataset, 8, train=False, num_workers=workers))
    assert [i for batch in in_order for i in batch] == list(range(SAMPLES))


def test_splits_the_time() -> None:
    """With a clock that a loader moves by 3 and a step by 5: 3 and 5 a batch; the first batch took 100 and is out.

    A batch that is None, of a loader that only says when, is a batch and not the end.
    """
    now = 0.0

    def loader(count: int) -> Iterator[int]:
        nonlocal now
        for i in range(count):
            now += 3 if i else 100
            yield i

    def step(batch: int) -> None:
        nonlocal now
        now += 5

    for count, batches in ((2, 50), (10, 50), (10, 4)):
        assert waiting_and_working(loader(count), step, batches, clock=lambda: now) == (3.0, 5.0)
    assert waiting_and_working(iter([None] * 3), lambda batch: step(0), clock=lambda: now) == (0.0, 5.0)
    with pytest.raises(ValueError, match="take 1 or more"):
        waiting_and_working(loader(3), step, batches=0, clock=lambda: now)
    for count in (0, 1):
        with pytest.raises(ValueError, match="fewer than two"):
            waiting_and_working(loader(count), step, clock=lambda: now)


def test_less_than_a_batch_is_an_error() -> None:
    """Training: 7 samples make no batch of 8, and 8 make one. Evaluation: 7 are a batch."""
    seven, eight = TensorDataset(torch.arange(7)), TensorDataset(torch.arange(8))
    with pytest.raises(ValueError, match="7 samples make no batch of 8"):
        make_loader(seven, 8, train=True, num_workers=0)
    assert len(epoch(make_loader(eight, 8, train=True, num_workers=0))) == 1
    assert len(epoch(make_loader(seven, 8, train=False, num_workers=0))) == 1


class Noted(Dataset):
    """Says in which process a sample was made, and counts those made in this one."""

    def __init__(self) -> None:
        self.made = 0
        self.extra = 0
        self.shared = torch.zeros((), dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> tuple[int, int, int]:
        self.made += 1
        worker = get_worker_info()
        return (-1 if worker is None else worker.id), self.extra, int(self.shared)


def test_workers_prepare_ahead() -> None:
    """0 workers: after two batches of one, two samples were made, in this process. 2 workers: none here."""
    dataset = Noted()
    batches = iter(DataLoader(dataset))
    assert [next(batches)[0].item(), next(batches)[0].item()] == [-1, -1]
    assert dataset.made == 2
    dataset = Noted()
    assert {w for workers, *_ in DataLoader(dataset, num_workers=2) for w in workers.tolist()} == {0, 1}
    assert dataset.made == 0


def test_order_does_not_depend_on_workers() -> None:
    """The same seed gives the same batches with 0, 1 and 2 workers; another seed gives others."""
    dataset = TensorDataset(torch.arange(SAMPLES))
    orders = [epoch(make_loader(dataset, 8, train=True, num_workers=workers)) for workers in (0, 1, 2)]
    assert orders[0] == orders[1] == orders[2]
    assert epoch(make_loader(dataset, 8, train=True, num_workers=2, seed=1)) != orders[2]


class Draws(Dataset):
    """Random numbers of Python, torch, NumPy, and of a generator that was made in __init__."""

    def __init__(self) -> None:
        self.own = np.random.default_rng(0)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Tensor:
        numbers = [random.random(), torch.rand(()).item(), np.random.rand(), self.own.random()]
        return torch.tensor(numbers, dtype=torch.float64)


def draws(seed: int) -> tuple[Tensor, Tensor]:
    """Two epochs of four samples, by two workers in turn: (samples, kinds)."""
    loader = make_loader(Draws(), 1, train=False, num_workers=2, seed=seed)
    return torch.cat(list(loader)), torch.cat(list(loader))


def test_seed_repeats_the_workers() -> None:
    """Python's, torch's and NumPy's numbers repeat with the loader's seed, and change with it and with the epoch."""
    first, second = draws(0)
    again, other = draws(0)[0], draws(1)[0]
    assert torch.equal(first, again)
    for kind in range(3):
        assert not set(first[:, kind].tolist()) & set(other[:, kind].tolist())
        assert not set(first[:, kind].tolist()) & set(second[:, kind].tolist())


def test_own_generators_repeat() -> None:
    """random, torch, numpy.random: four different numbers from two workers; the data set's own: two, twice."""
    first, _ = draws(0)
    assert [len(set(first[:, kind].tolist())) for kind in range(4)] == [4, 4, 4, 2]
    assert first[0, 3] == first[1, 3]


class Stream(IterableDataset):
    """Numbers one after the other, whole or only this worker's share."""

    def __init__(self, shared: bool) -> None:
        self.shared = shared

    def __iter__(self) -> Iterator[int]:
        return mine(range(SAMPLES)) if self.shared else iter(range(SAMPLES))


@ANY_WORKERS
def test_streams_are_repeated(workers: int) -> None:
    """A whole stream gives each sample once for each worker; through mine() it gives each once."""
    whole, shared = (
        Counter(i for batch in DataLoader(Stream(shared), 8, num_workers=workers) for i in batch.tolist())
        for shared in (False, True)
    )
    assert set(whole) == set(shared) == set(range(SAMPLES))
    assert set(whole.values()) == {max(workers, 1)}
    assert set(shared.values()) == {1}


@pytest.mark.parametrize("persistent", [True, False])
def test_workers_hold_a_copy(persistent: bool) -> None:
    """A change between epochs is not seen by persistent workers, and is seen by those that start anew; one of a
    tensor in shared memory is seen by both."""
    dataset = Noted()
    loader = DataLoader(dataset, num_workers=1, persistent_workers=persistent)
    assert {(extra.item(), shared.item()) for _, extra, shared in loader} == {(0, 0)}
    dataset.extra = 7
    dataset.shared.fill_(7)
    assert {(extra.item(), shared.item()) for _, extra, shared in loader} == {(0 if persistent else 7, 7)}


def test_sizes_must_agree() -> None:
    """Two samples of different lengths: this error; with a collate_fn they come as a list."""
    samples: Any = [torch.zeros(3), torch.zeros(4)]
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        next(iter(DataLoader(samples, batch_size=2)))
    assert [len(each) for each in next(iter(DataLoader(samples, batch_size=2, collate_fn=list)))] == [3, 4]


def test_warns_about_cores(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    """With three cores: four workers warn, and three do not."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    DataLoader(TensorDataset(torch.arange(3)), num_workers=3)
    assert not [w for w in recwarn if "This DataLoader will create" in str(w.message)]
    with pytest.warns(UserWarning, match="This DataLoader will create 4 worker processes in total"):
        DataLoader(TensorDataset(torch.arange(3)), num_workers=4)


def test_indices_once_in_same_order(evidence: Any) -> None:
    """Each of the 360 digits once, and equal lists for 0, 1 and 2 workers."""
    orders = [evidence()[f"shuffled, {workers} workers"] for workers in (0, 1, 2)]
    assert sorted(orders[0]) == list(range(360))
    assert orders[0] == orders[1] == orders[2] != sorted(orders[0])


def test_stream_gives_twice(evidence: Any) -> None:
    """Two workers: each digit twice from the whole stream; once from shares, and with no worker."""
    assert set(Counter(evidence()["stream, 2 workers"]).values()) == {2}
    for name in ("stream, own share, 2 workers", "stream, 0 workers", "stream, own share, 0 workers"):
        assert sorted(evidence()[name]) == list(range(360))
