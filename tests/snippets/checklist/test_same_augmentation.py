"""same-augmentation: what it looks like, and every cause of it planted."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

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
