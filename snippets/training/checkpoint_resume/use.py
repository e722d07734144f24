"""Save everything that a run consists of to one file, go on from it, and take the data up where they were left.

Source: PyTorch tutorials, "Saving and loading a general checkpoint in PyTorch"; random states and data order are added.
"""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def save_checkpoint(path: str | Path, step: int, **parts: Any) -> None:
    """Write step, parts and random states; a file of this name stays whole until the new one is complete.

    Args:
        path: the file; beside it stands ``<path>.tmp`` while it is written.
        step: updates made so far.
        parts: whatever has a ``state_dict``: model, optimizer, scheduler, scaler, averaged model.
    """
    checkpoint = {
        "step": step,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "random": (random.getstate(), torch.get_rng_state(), torch.cuda.get_rng_state_all()),
    }
    unfinished = Path(f"{path}.tmp")
    torch.save(checkpoint, unfinished)
    unfinished.replace(path)  # in one move: an interrupted save leaves the old file


def load_checkpoint(path: str | Path, **parts: Any) -> int:
    """Load what ``save_checkpoint`` wrote into parts that are all built already; returns the step.

    Args:
        path: the file.
        parts: the same names as when it was saved, on any device.

    Raises:
        ValueError: when the file has other parts; nothing is loaded then. Where a part itself refuses its state, the
            parts before it are loaded already.
    """
    checkpoint = torch.load(path, map_location="cpu")  # parts copy to their own device; random states stay here
    if parts.keys() != checkpoint["parts"].keys():
        raise ValueError(f"the file has {sorted(checkpoint['parts'])}, to be loaded are {sorted(parts)}")
    for name, part in parts.items():
        part.load_state_dict(checkpoint["parts"][name])
    of_python, of_torch, of_cuda = checkpoint["random"]
    random.setstate(of_python)
    torch.set_rng_state(of_torch)
    if len(of_cuda) == torch.cuda.device_count():  # on another machine there is nothing that they would fit
        torch.cuda.set_rng_state_all(of_cuda)
    return int(checkpoint["step"])


def batches_from(step: int, samples: int, batch_size: int, seed: int = 0) -> Iterator[Tensor]:
    """Indices of batch after batch without end, from any step on; nothing has to be saved for it.

    Args:
        step: the first batch to give, counted from the start of the run.
        samples: size of the data set; each epoch has another order of it.
        batch_size: samples a batch; what does not fill one is left out until the next epoch.
        seed: the order of epoch e depends on seed and e alone.

    Raises:
        ValueError: at the first batch, when the data set does not fill one.
    """
    per_epoch = samples // batch_size
    if per_epoch == 0:
        raise ValueError(f"{samples} samples do not fill a batch of {batch_size}")
    first, skip = divmod(step, per_epoch)
    for epoch in itertools.count(first):
        generator = torch.Generator().manual_seed(seed + epoch)
        order = torch.randperm(samples, generator=generator, device=generator.device)
        yield from order.split(batch_size)[skip:per_epoch]
        skip = 0


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(200, 20), torch.randint(5, (200,))

    def build() -> dict[str, Any]:
        """All parts of a run, new."""
        model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 5))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        return {"model": model, "optimizer": optimizer, "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 15)}

    def train(run: dict[str, Any], first: int, last: int) -> Tensor:
        """Updates from ``first`` to ``last``; returns all weights."""
        for batch in itertools.islice(batches_from(first, 200, 32), last - first):
            loss = nn.functional.cross_entropy(run["model"](x[batch]), y[batch])
            run["optimizer"].zero_grad()
            loss.backward()
            run["optimizer"].step()
            run["scheduler"].step()
        return nn.utils.parameters_to_vector(run["model"].parameters())

    run = build()
    train(run, 0, 20)
    save_checkpoint("last.pt", 20, **run)
    uninterrupted = train(run, 20, 40)
    resumed = build()
    step = load_checkpoint("last.pt", **resumed)
    weights = train(resumed, step, 40)
    print(
        f"resumed at step {step}, and after 20 more the weights differ by {(weights - uninterrupted).abs().max():.0f}"
    )
