"""Seeds and determinism: what repeats bit for bit, what does not, and the claims of the page."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector
from torch.utils.data import DataLoader, Dataset

from snippets.training.reproducibility_seeds.evidence import HOT
from snippets.training.reproducibility_seeds.use import make_deterministic, make_loader, set_seed


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Global generators and switches are what they were when a test ends."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    config, benchmark = os.environ.get("CUBLAS_WORKSPACE_CONFIG"), torch.backends.cudnn.benchmark
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = benchmark
    if config is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


class Noisy(Dataset):
    """Samples with noise from torch's, NumPy's or Python's generator, or from one made with the data set."""

    def __init__(self, source: str = "all", size: int = 48) -> None:
        self.source, self.size = source, size
        self.own = np.random.default_rng(0)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> Tensor:
        draws = {
            "torch": lambda: torch.rand(()).item(),
            "numpy": np.random.random,
            "python": random.random,
            "own": self.own.random,
        }
        names = ["torch", "numpy", "python"] if self.source == "all" else [self.source]
        return torch.tensor([float(i), *(draws[name]() for name in names)], dtype=torch.float64)


def trained(workers: int, seed: int = 0, skip: str = "") -> Tensor:
    """Weights after two epochs with dropout and all kinds of noise; ``skip`` leaves a generator without its seed."""
    states = {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()}
    set_seed(seed)
    if skip == "python":
        random.setstate(states["python"])
    elif skip == "numpy":
        np.random.set_state(states["numpy"])
    elif skip == "torch":
        torch.set_rng_state(states["torch"])
    model = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.ReLU(), nn.Linear(16, 1)).double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loader = make_loader(Noisy(), 8, seed=seed, workers=workers)
    for _ in range(2):
        for batch in loader:
            optimizer.zero_grad()
            (model(batch) - batch.sum(1, keepdim=True)).square().mean().backward()
            optimizer.step()
    return parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize("workers", [0, 2])
def test_two_runs_are_equal(workers: int) -> None:
    """Two runs with one seed have the same weights bit for bit, with dropout, shuffling, noise, and 0 or 2 workers."""
    first = trained(workers)
    random.random(), np.random.random(), torch.rand(3)  # whatever happened between the runs
    assert torch.equal(first, trained(workers))
    assert not torch.equal(first, trained(workers, seed=1))


@pytest.mark.parametrize("skip", ["python", "numpy", "torch"])
def test_every_generator_needs_its_seed(skip: str) -> None:
    """Without workers, if Python's, NumPy's or torch's generator has no seed, two runs differ."""
    assert not torch.equal(trained(0, skip=skip), trained(0, skip=skip))


def test_torch_seed_is_torchs_alone() -> None:
    """torch.manual_seed leaves random and numpy.random as they are."""
    torch.manual_seed(0)
    first = random.random(), np.random.random()
    torch.manual_seed(0)
    assert (random.random(), np.random.random()) != first
    set_seed(0)
    first = random.random(), np.random.random(), torch.rand(1).item()
    set_seed(0)
    assert (random.random(), np.random.random(), torch.rand(1).item()) == first


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_other_seeds_change_nothing(seed: int) -> None:
    """A seed that NumPy refuses is an error, and no generator has moved."""
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with pytest.raises(ValueError, match="Seed must be between 0 and"):
        set_seed(seed)
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def order(loader: DataLoader) -> list[float]:
    return torch.cat([batch[:, 0] for batch in loader]).tolist()


@pytest.mark.parametrize("extra", ["a number drawn", "a layer made", "a validation pass"])
def test_own_generator_keeps_the_order(extra: str) -> None:
    """A draw, a new layer or a pass over another loader changes a plain loader's order, not that of this one."""

    def orders(own: bool, with_extra: bool) -> list[float]:
        set_seed(0)
        if with_extra and extra == "a number drawn":
            torch.rand(1)
        elif with_extra and extra == "a layer made":
            nn.Linear(3, 3)
        elif with_extra:
            list(DataLoader(Noisy(size=4), 4))
        return order(make_loader(Noisy(), 8, seed=0) if own else DataLoader(Noisy(), 8, shuffle=True))

    assert orders(own=True, with_extra=True) == orders(own=True, with_extra=False)
    assert orders(own=False, with_extra=True) != orders(own=False, with_extra=False)


def drawn(source: str, workers: int) -> Tensor:
    """The noise of one epoch in the order of the samples."""
    set_seed(0)
    rows = torch.cat(list(make_loader(Noisy(source), 8, seed=0, workers=workers)))
    return rows[rows[:, 0].argsort(), 1]


@pytest.mark.parametrize("source", ["torch", "numpy", "python"])
def test_workers_draw_different_numbers(source: str) -> None:
    """With two workers no number of torch's, NumPy's or Python's generator comes twice; another number of workers
    gives other noise and the same order."""
    noise = drawn(source, workers=2)
    assert len(set(noise.tolist())) == len(noise)
    assert not torch.equal(noise, drawn(source, workers=1))
    assert order(make_loader(Noisy(), 8, 0, workers=2)) == order(make_loader(Noisy(), 8, 0, workers=1))


def test_generator_of_the_data_set_repeats() -> None:
    """A generator made in __init__ gives both workers the same numbers, and the same in the next epoch; persistent
    workers go on in their copies, both in the same way."""
    loader = make_loader(Noisy("own"), 8, seed=0, workers=2)
    epochs = [torch.cat(list(loader))[:, 1].tolist() for _ in range(2)]
    assert len(set(epochs[0])) == 24  # of 48 samples
    assert set(epochs[0]) == set(epochs[1])
    loader = DataLoader(Noisy("own"), 8, num_workers=2, persistent_workers=True)
    epochs = [torch.cat(list(loader))[:, 1].tolist() for _ in range(2)]
    assert [len(set(epoch)) for epoch in epochs] == [24, 24]
    assert not set(epochs[0]) & set(epochs[1])


def test_nondeterministic_operation_is_refused() -> None:
    """After make_deterministic() put_ raises an error that names it; after make_deterministic(False) it runs."""
    index = torch.tensor([0, 0])
    make_deterministic()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    with pytest.raises(RuntimeError, match="put_ does not have a deterministic implementation"):
        torch.zeros(3).put_(index, torch.ones(2))
    make_deterministic(False)
    torch.zeros(3).put_(index, torch.ones(2))
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG")
    make_deterministic(False)
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_order_of_a_sum_matters() -> None:
    """(0.1 + 0.2) + 0.3 is not 0.1 + (0.2 + 0.3), and 100,000 numbers have other sums in other orders."""
    assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    orders = [torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)) for seed in range(10)]
    sums = torch.stack([x[order].sum() for order in orders])
    assert len(set(sums.tolist())) > 1
    assert (sums - x.double().sum()).abs().max() < 1e-2


def test_spread_on_digits(evidence) -> None:
    """The claims of the experiment: which source of chance gives which spread."""
    runs = {name: torch.tensor(values) for name, values in evidence().items()}
    assert len(set(evidence()["nothing"])) == len(set(evidence()["one bit of one weight"])) == 1
    spreads = {name: values.std().item() for name, values in runs.items()}
    ranges = {name: (values.max() - values.min()).item() for name, values in runs.items()}
    for source in ("order of samples", "initial weights"):
        assert 0.01 < spreads[source] < 0.05
        assert ranges[source] > 0.04
    assert ranges["both"] > 0.08
    assert ranges[HOT] > 0.01  # chaotic: 2 to 30 points, by the seed and as the CPU rounds
