"""How running statistics go wrong, and what cures them: accuracy on test digits in eval mode, with the same weights.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
"""

import copy
import csv
import json
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn


def network(momentum: float = 0.1, track: bool = True) -> nn.Sequential:
    """Two hidden layers of 64 units with batch normalization."""
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=momentum, track_running_stats=track), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def fit(model: nn.Module, x: Tensor, y: Tensor, batches: Tensor, average: nn.Module | None = None) -> nn.Module:
    """SGD, one step for each row of indices; ``average`` follows the parameters, and nothing else."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for batch in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        if average is not None:
            for mean, parameter in zip(average.parameters(), model.parameters(), strict=True):
                mean.data.lerp_(parameter.data, 0.1)
    return model


def accuracy(model: nn.Module, x: Tensor, y: Tensor, in_train_mode: bool = False) -> float:
    """Share of right answers: of all samples at once in train mode, 8 at a time in eval mode.

    Of a copy: a forward pass in train mode would move the statistics.
    """
    model = copy.deepcopy(model).train(in_train_mode)
    with torch.no_grad():
        outputs = torch.cat([model(part) for part in x.split(len(x) if in_train_mode else 8)])
    return (outputs.argmax(dim=1) == y).float().mean().item()


def recomputed(model: nn.Module, batches: Tensor) -> nn.Module:
    """A copy whose running statistics are the plain mean over these batches."""
    own = copy.deepcopy(model)
    update_bn(batches, own)
    return own


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    order = torch.randperm(len(x))
    (x, x_test), (y, y_test) = (both[order].split([1000, 797]) for both in (x, y))
    by_class = y_test.argsort()  # so that most batches of 8 hold one class
    x_test, y_test = x_test[by_class], y_test[by_class]
    small, large = torch.randint(1000, (100, 8)), torch.randint(1000, (60, 32))
    start = network()
    with_09, with_01 = (network(momentum) for momentum in (0.9, 0.1))
    with_01.load_state_dict(with_09.state_dict())
    average, slow = copy.deepcopy(start), network(momentum=0.001)
    good = fit(copy.deepcopy(start), x, y, large, average)
    averaged = network()
    averaged.load_state_dict(average.state_dict() | dict(good.named_buffers()))
    fit(slow, x, y, large)
    with_nan = copy.deepcopy(good)
    with torch.no_grad():
        with_nan(torch.full((32, 64), float("nan")))  # its loss is NaN, and the step is skipped
    untracked, tracked = fit(network(track=False), x, y, large), network()
    tracked.load_state_dict(untracked.state_dict(), strict=False)  # it has no buffers
    pairs: dict[str, tuple[nn.Module, nn.Module]] = {
        "momentum 0.9, cured: 0.1": (fit(with_09, x, y, small), fit(with_01, x, y, small)),
        "momentum 0.001, cured: update_bn": (slow, recomputed(slow, x[large])),
        "average of parameters, cured: buffers copied": (average, averaged),
        "one batch with NaN, cured: update_bn": (with_nan, recomputed(with_nan, x[large])),
        "no running statistics, cured: update_bn": (untracked, recomputed(tracked, x[large])),
    }
    results = {
        name: {
            "train mode": accuracy(wrong, x_test, y_test, in_train_mode=True),
            "eval mode": accuracy(wrong, x_test, y_test),
            "eval mode, cured": accuracy(cured, x_test, y_test),
        }
        for name, (wrong, cured) in pairs.items()
    }
    heads = ["train mode", "eval mode", "eval mode, cured"]
    with Path("batch-normalization-statistics.csv").open("w", newline="") as file:
        rows = [[name, *(f"{row[head]:.2f}" for head in heads)] for name, row in results.items()]
        csv.writer(file).writerows([["what went wrong", *heads], *rows])
    Path("batch-normalization-statistics.json").write_text(json.dumps(results))
    print(f"worst accuracy when cured: {min(row['eval mode, cured'] for row in results.values()):.2f}")
