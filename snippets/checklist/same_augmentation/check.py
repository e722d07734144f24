"""Whether random augmentation is random: call these on the training set and its loader. Some start worker processes."""

import numpy as np
import torch
from torch.utils.data import DataLoader


def first_part(batch):
    """The first part of a sample, be it a tuple, a dictionary, a picture or an array."""
    (sample,) = batch
    while isinstance(sample, (tuple, list, dict)):
        sample = next(iter(sample.values() if isinstance(sample, dict) else sample))
    return torch.as_tensor(np.asarray(sample))


def two_epochs(dataset, worker_init_fn=None, persistent=False):
    """Draw sample 0 64 times in two workers, twice; the parent's random state stays as it is."""
    loader = DataLoader(
        dataset,
        sampler=[0] * 64,
        num_workers=2,
        collate_fn=first_part,
        worker_init_fn=worker_init_fn,
        generator=torch.Generator(),
        persistent_workers=persistent,
    )
    return [list(loader) for _ in range(2)]


def alike(some, others):
    """Whether all draws are the same, in their order."""
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def draws_that_repeat_in_workers(train_set):
    """Ask whether workers begin every epoch with the same random numbers (starts two workers twice)."""
    first, second = two_epochs(train_set)
    twins = alike(first[::2], first[1::2])
    if alike(first, second) and not alike(first, first[:1] * 64):
        return (
            "epoch 2 repeats the draws of epoch 1"
            + ", and worker 2 those of worker 1" * twins
            + ": the data set carries a generator of its own"
        )


def workers_that_start_alike(train_loader):
    """Ask whether worker_init_fn gives every epoch, or every worker, the same seeds (starts two workers four times)."""
    if train_loader.worker_init_fn is None or not train_loader.num_workers:
        return None
    asked = train_loader.worker_init_fn, train_loader.persistent_workers
    first, second = two_epochs(train_loader.dataset, *asked)
    free, free_again = two_epochs(train_loader.dataset)
    if alike(first, second) and not alike(free, free_again):
        return "epoch 2 repeats the draws of epoch 1 with worker_init_fn, and does not without it"
    if alike(first[::2], first[1::2]) and not alike(free[::2], free[1::2]):
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
    """Draw sample 0 64 times in one pass (starts two workers twice)."""
    first, _ = two_epochs(train_set)
    if alike(first, first[:1] * 64):
        return "64 of 64 draws of one sample are the same: the augmentation ran once, or not at all"
