"""Whether random augmentation is random: call these on the training set and its loader. Some start worker processes."""

import torch
from torch.utils.data import DataLoader


def two_epochs(dataset, worker_init_fn=None):
    """Draw sample 0 eight times in two workers, twice; the parent's random state stays as it is."""
    loader = DataLoader(
        dataset,
        sampler=[0] * 8,
        num_workers=2,
        worker_init_fn=worker_init_fn,
        generator=torch.Generator(),
    )
    return [torch.cat([batch[0] for batch in loader]) for _ in range(2)]


def draws_that_repeat_in_workers(train_set):
    """Ask whether workers begin every epoch with the same random numbers (starts two workers twice)."""
    first, second = two_epochs(train_set)
    twins = torch.equal(first[0], first[1])
    if torch.equal(first, second) and not torch.equal(first[0], first[2]):
        return (
            "epoch 2 repeats the draws of epoch 1"
            + ", and worker 2 those of worker 1" * twins
            + ": the data set carries a generator of its own"
        )


def workers_that_start_alike(train_loader):
    """Ask whether worker_init_fn gives every epoch the same seeds (starts two workers four times)."""
    if train_loader.worker_init_fn is None:
        return None
    first, second = two_epochs(train_loader.dataset, train_loader.worker_init_fn)
    free, free_again = two_epochs(train_loader.dataset)
    if torch.equal(first, second) and not torch.equal(free, free_again):
        return "epoch 2 repeats the draws of epoch 1 with worker_init_fn, and does not without it"


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
            f"epoch {j + 1} from that of epoch {i + 1}"
        )


def samples_that_never_change(train_set):
    """Draw sample 0 eight times in one pass (starts two workers twice)."""
    first, _ = two_epochs(train_set)
    if all(torch.equal(one, first[0]) for one in first):
        return "8 of 8 draws of one sample are the same: the augmentation ran once, or not at all"
