"""Whether random augmentation is random: call these on the training set and its loader. Some start worker processes."""

import numpy as np
import torch
from torch.utils.data import DataLoader


def first_parts(batch):
    """The first part of each sample, be it a tuple, a dictionary, a picture or an array."""
    parts = []
    for sample in batch:
        while isinstance(sample, (tuple, list, dict)):
            sample = next(iter(sample.values() if isinstance(sample, dict) else sample))
        parts.append(np.asarray(sample))
    return parts


def draws(dataset, worker_init_fn=None, persistent=False, epochs=2):
    """Draw sample 0 64 times in an epoch, half of them in each of two workers; the random state here stays as it is."""
    loader = DataLoader(
        dataset,
        batch_size=32,
        sampler=[0] * 64,
        num_workers=2,
        collate_fn=first_parts,
        worker_init_fn=worker_init_fn,
        generator=torch.Generator(),
        persistent_workers=persistent,
    )
    return [tuple(loader) for _ in range(epochs)]


def alike(some, others):
    """Whether all draws are the same, in their order."""
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def repeats(first, second):
    """Whether both workers draw the same in both epochs."""
    return all(alike(a, b) for a, b in zip(first, second, strict=True))


def all_the_same(epoch):
    """Whether all 64 draws are the same."""
    one, two = epoch
    return alike(one + two, one[:1] * 64)


def draws_that_repeat_in_workers(train_set):
    """Ask whether workers begin every epoch with the same random numbers (starts two workers twice)."""
    first, second = draws(train_set)
    if repeats(first, second) and not all_the_same(first):
        return (
            "epoch 2 repeats the draws of epoch 1"
            + ", and worker 2 those of worker 1" * alike(*first)
            + ": the data set carries a generator of its own"
        )


def workers_that_start_alike(train_loader):
    """Ask whether worker_init_fn gives every epoch, or every worker, the same seeds (starts two workers four times)."""
    if train_loader.worker_init_fn is None or not train_loader.num_workers:
        return None
    asked = train_loader.worker_init_fn, train_loader.persistent_workers
    first, second = draws(train_loader.dataset, *asked)
    free, free_again = draws(train_loader.dataset)
    if repeats(first, second) and not repeats(free, free_again):
        return "epoch 2 repeats the draws of epoch 1 with worker_init_fn, and does not without it"
    if alike(*first) and not alike(*free):
        return "worker 2 repeats the draws of worker 1 with worker_init_fn, and does not without it"


def random_states_that_return(states):
    """Compare torch.get_rng_state() as it was at the start of each epoch."""
    again = [
        (i, j)
        for j, state in enumerate(states)
        for i in range(j)
        if torch.equal(states[i], state)
    ]
    if again:
        (i, j), n = again[0], len({j for _, j in again})
        return (
            f"{n} of {len(states)} epochs start from a random state that was there before, "
            f"epoch {j + 1} from that of epoch {i + 1}: what torch draws on the CPU repeats"
        )


def samples_that_never_change(train_set):
    """Draw sample 0 64 times in one pass (starts two workers)."""
    (epoch,) = draws(train_set, epochs=1)
    if all_the_same(epoch):
        return "64 of 64 draws of one sample are the same: the augmentation ran once, or not at all"
