"""What several loaders give of 360 digits, and how long training waits where a sample takes 1 ms to read.

Source: the settings of this page; the milliseconds are a stand-in for storage.
"""

import csv
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

SAMPLES, BATCH, WORKERS = 360, 32, (0, 1, 2)
digits = load_digits()
X = torch.tensor(digits.data[:SAMPLES], dtype=torch.float32) / 16
Y = torch.tensor(digits.target[:SAMPLES])


class Digits(Dataset):
    """Digits that take a millisecond each."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        time.sleep(0.001)
        return X[i], Y[i], i


class Stream(IterableDataset):
    """The same digits one after the other, whole or only the share of the worker."""

    def __init__(self, shared: bool) -> None:
        self.shared = shared

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
        worker = get_worker_info()
        places = range(SAMPLES)
        if self.shared and worker is not None:
            places = range(worker.id, SAMPLES, worker.num_workers)
        for i in places:
            yield X[i], Y[i], i


def given(loader: DataLoader) -> list[int]:
    """Indices in the order in which they come."""
    return [i for *_, indices in loader for i in indices.tolist()]


def per_batch(workers: int) -> tuple[float, float]:
    """Milliseconds of a batch spent waiting and in the training step, after the first batch."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = iter(DataLoader(Digits(), BATCH, drop_last=True, num_workers=workers))
    next(batches)
    waited, worked = [], []
    for _ in range(SAMPLES // BATCH - 1):
        asked = time.perf_counter()
        x, y, _ = next(batches)
        got = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        time.sleep(0.02)  # a larger model
        waited.append(got - asked)
        worked.append(time.perf_counter() - got)
    return 1000 * sum(waited) / len(waited), 1000 * sum(worked) / len(worked)


if __name__ == "__main__":
    results = {}
    for workers in WORKERS:
        generator = torch.Generator().manual_seed(0)
        loader = DataLoader(Digits(), batch_size=BATCH, shuffle=True, num_workers=workers, generator=generator)
        results[f"shuffled, {workers} workers"] = given(loader)
    for workers, shared in itertools.product((0, 2), (False, True)):
        name = "stream, own share" if shared else "stream"
        results[f"{name}, {workers} workers"] = given(DataLoader(Stream(shared), BATCH, num_workers=workers))
    rows = []
    for name, indices in results.items():
        counts = Counter(indices)
        rows.append([name, len(indices), len(counts), sum(count > 1 for count in counts.values())])
    with Path("data-loading.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["loader", "samples given", "different samples", "given more than once"], *rows])
    Path("data-loading.json").write_text(json.dumps(results))
    waited, worked = zip(*[per_batch(workers) for workers in WORKERS], strict=True)
    places = range(len(WORKERS))
    plt.bar(places, waited, hatch="//", label="waiting for the loader")
    plt.bar(places, worked, bottom=waited, label="updating the model")
    plt.xticks(places, [str(workers) for workers in WORKERS])
    plt.xlabel("num_workers")
    plt.ylabel("milliseconds a batch")
    plt.legend()
    plt.savefig("data-loading-measured.svg")
    with Path("data-loading-measured.csv").open("w", newline="") as file:
        numbers = [[n, f"{a:.2f}", f"{b:.2f}"] for n, a, b in zip(WORKERS, waited, worked, strict=True)]
        csv.writer(file).writerows([["num_workers", "waiting for the loader", "updating the model"], *numbers])
    print(f"each of {SAMPLES} samples given once by {sum(row[1] == row[2] == SAMPLES for row in rows)} of {len(rows)}")
