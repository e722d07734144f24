"""A DataLoader with settings for training and for evaluation, and a measurement of how long the training waits for it.

Source: documentation of torch.utils.data; Mohan et al., "Analyzing and Mitigating Data Stalls in DNN Training", 2020.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, get_worker_info

Item = TypeVar("Item")


def make_loader(dataset: Dataset, batch_size: int, train: bool, num_workers: int = 2, seed: int = 0) -> DataLoader:
    """A loader that shuffles and drops the last, smaller batch in training, and does neither in evaluation.

    Args:
        dataset: has ``__len__`` and ``__getitem__``.
        batch_size: samples a batch.
        train: for training or for evaluation.
        num_workers: processes that prepare batches ahead; 0 prepares each one when it is asked for.
        seed: of the order, and of the random numbers in the workers.

    Raises:
        ValueError: when the training data are fewer than a batch, of which nothing would be left.
    """
    samples = len(dataset)  # type: ignore[arg-type]
    if train and samples < batch_size:
        raise ValueError(f"{samples} samples make no batch of {batch_size}, and smaller ones are dropped")
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=train,
        drop_last=train,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,  # otherwise they are started anew in each epoch
        pin_memory=torch.cuda.is_available(),  # lets .to(device, non_blocking=True) overlap with the computation
        generator=torch.Generator(torch.get_default_device()).manual_seed(seed),
    )


def mine(items: Iterable[Item]) -> Iterator[Item]:
    """The share of this worker, for the ``__iter__`` of an ``IterableDataset``.

    Each worker still goes through all items and drops those of the others: decode and augment what this yields.
    """
    worker = get_worker_info()
    return iter(items) if worker is None else itertools.islice(items, worker.id, None, worker.num_workers)


def waiting_and_working(
    loader: Iterable[Any],
    step: Callable[[Any], Any],
    batches: int = 50,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Seconds a batch spent waiting for the loader, and in the step; the first batch, with its start, is left out.

    Args:
        loader: gives at least two batches.
        step: what is done with a batch: transfer, forward pass, backward pass, update.
        batches: how many to measure at most, from 1 on.
        clock: gives seconds.

    Raises:
        ValueError: when the loader gives fewer than two batches, or none is to be measured.
    """
    if batches < 1:
        raise ValueError(f"{batches} batches are to be measured; take 1 or more")
    iterator, end = iter(loader), object()
    waiting, working, count = 0.0, 0.0, 0
    for batch in itertools.islice(iterator, 1):
        step(batch)
    _finish()
    while count < batches:
        asked = clock()
        batch = next(iterator, end)
        if batch is end:
            break
        got = clock()
        step(batch)
        _finish()
        waiting, working, count = waiting + got - asked, working + clock() - got, count + 1
    if not count:
        raise ValueError("the loader gives fewer than two batches; there is nothing to measure")
    return waiting / count, working / count


def _finish() -> None:
    """Wait until the GPU has done what it was told; otherwise its work is counted as waiting."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    dataset = TensorDataset(torch.arange(1000))
    for train in (True, False):
        seen = torch.cat([batch for (batch,) in make_loader(dataset, 64, train, num_workers=2)])
        print(f"train={train}: {len(seen)} samples, {len(seen.unique())} different ones")
    model = torch.nn.Linear(1, 1)
    loader = make_loader(dataset, 64, train=True, num_workers=0)
    waiting, working = waiting_and_working(loader, lambda batch: model(batch[0].float().unsqueeze(1)).mean().backward())
    print(f"both measured: {waiting > 0 and working > 0}")
