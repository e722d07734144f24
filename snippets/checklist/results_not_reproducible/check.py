"""Where two runs part: record starts (weights before step 1) and histories (losses)."""

import random

import numpy as np
import torch


def weights_that_differ_at_the_start(starts):
    """Compare the weights of two runs before the first step."""
    first, second = starts
    gaps = [(a - b).abs().max().item() for a, b in zip(first, second, strict=True)]
    if max(gaps) > 0:
        return f"before the first step the weights differ by up to {max(gaps):.2g}"


def generators_without_seed(set_seed):
    """Call your function that sets the seeds from two states, and compare what is drawn.

    The random states and torch's settings are put back afterwards.
    """
    cudnn = torch.backends.cudnn
    flags = cudnn.benchmark, cudnn.deterministic
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    python, numpy = random.getstate(), np.random.get_state()
    draws = []
    try:
        with torch.random.fork_rng():
            for state in (1, 2):
                random.seed(state)
                np.random.seed(state)
                torch.manual_seed(state)
                set_seed(0)
                draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        cudnn.benchmark, cudnn.deterministic = flags
        torch.use_deterministic_algorithms(strict, warn_only=warns)
    names = ("random", "numpy.random", "torch")
    free = [name for name, a, b in zip(names, *draws, strict=True) if a != b]
    if free:
        return f"after set_seed(0) these still draw differently: {', '.join(free)}"


def order_on_the_shared_stream(train_loader):
    """Ask whether the order of the samples depends on all that was drawn before."""
    sampler = getattr(train_loader.batch_sampler, "sampler", train_loader.sampler)
    data = torch.utils.data
    kinds = data.RandomSampler, data.SubsetRandomSampler, data.WeightedRandomSampler
    if isinstance(sampler, kinds) and sampler.generator is None:
        return (
            "train_loader shuffles with torch's global generator: whatever draws a number "
            "before an epoch changes its order"
        )


def rounding_that_grows(histories):
    """Ask how large the first difference between two runs is, and how large the last."""
    first, second = histories
    gaps = [abs(a - b) / (abs(a) + 1e-12) for a, b in zip(first, second, strict=False)]
    step = next((i for i, gap in enumerate(gaps) if gap > 0), None)
    if step is not None and gaps[step] < 1e-5 and max(gaps) > 1e-2:
        return (
            f"the first difference is {gaps[step]:.0e} at step {step}, one rounding; "
            f"training makes it {max(gaps):.0e}"
        )
