"""Seeds for every random generator, a loader with a generator of its own, and torch's deterministic algorithms.

Source: torch's documentation, "Reproducibility".
"""

import os
import random
import sys

import torch
from torch.utils.data import DataLoader, Dataset


def set_seed(seed: int) -> None:
    """Seed Python's, torch's (all devices) and, where it is imported, NumPy's global generator. Call it first of all.

    Args:
        seed: from 0 to 2**32 - 1, which is NumPy's limit.
    """
    numpy = sys.modules.get("numpy")  # torch imports it if it is installed
    if numpy is not None:
        numpy.random.seed(seed)  # first, because it refuses other seeds
    random.seed(seed)
    torch.manual_seed(seed)


def make_deterministic(on: bool = True) -> None:
    """Let torch take only algorithms that give the same bits in each run on this machine, or raise an error.

    Call it before the first use of a GPU. It can make training slower.

    Args:
        on: False restores torch's defaults; a CUBLAS_WORKSPACE_CONFIG that was set stays.
    """
    if on:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(on)
    torch.backends.cudnn.benchmark = False


def make_loader(dataset: Dataset, batch_size: int, seed: int, workers: int = 0) -> DataLoader:
    """A shuffled loader whose order depends on the seed alone, whatever else draws random numbers.

    Args:
        dataset: its ``__getitem__`` may draw from the global generators, which differ from worker to worker.
        batch_size: samples in a batch.
        seed: of the order and of the workers.
        workers: processes; random augmentation changes with their number.
    """
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size, shuffle=True, num_workers=workers, generator=generator)


if __name__ == "__main__":
    orders = []
    for extra in (False, True):
        set_seed(0)
        model = torch.nn.Linear(4, 2)
        if extra:
            torch.rand(5)  # something else draws a number
        loader = make_loader(list(range(100)), batch_size=10, seed=0)  # type: ignore[arg-type]
        orders.append(torch.cat(list(loader)).tolist())
        print(f"first weight {model.weight[0, 0].item():.4f}, first samples {orders[-1][:4]}")
    print(f"the order stays: {orders[0] == orders[1]}")
