"""results-not-reproducible: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

from snippets.checklist.results_not_reproducible import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Two runs that should be the same differ by more than 5% at some line of the log."""
    pairs = zip(run.series("run 1 loss"), run.series("run 2 loss"), strict=True)
    return any(abs(first - second) > 0.05 * first + 0.001 for first, second in pairs)


@causes("results-not-reproducible")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_sampler_of_ones_own_needs_its_own_generator() -> None:
    """The loader's generator does not reach a sampler that is given."""
    data, own, places = TensorDataset(torch.arange(8)), torch.Generator(), range(8)
    assert check.order_on_the_shared_stream(DataLoader(data, sampler=SubsetRandomSampler(places), generator=own))
    assert not check.order_on_the_shared_stream(DataLoader(data, sampler=SubsetRandomSampler(places, generator=own)))
    assert not check.order_on_the_shared_stream(DataLoader(data, shuffle=True, generator=own))
    assert not check.order_on_the_shared_stream(DataLoader(data))


def test_settings_that_the_seed_function_makes_are_put_back() -> None:
    """A function that also asks for deterministic algorithms leaves torch as it was."""

    def set_seed(seed: int) -> None:
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = True

    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    assert "numpy.random" in check.generators_without_seed(set_seed)
    assert before == (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark)
