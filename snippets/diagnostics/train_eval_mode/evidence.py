"""What each call switches, and what a forgotten eval() costs on digits at eight batch sizes.

Source: the documentation of torch.nn.Module.eval, torch.no_grad and torch.inference_mode.
The digits are scikit-learn's.
"""

import csv
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SIZES, SEEDS, TRAIN = [2, 4, 8, 16, 32, 64, 128, 256], 3, 1000
NETS: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Dropout(0.5),
    "batch normalization": lambda: nn.BatchNorm1d(64),
}
CALLS: dict[str, tuple[bool, Callable[[], AbstractContextManager]]] = {
    "none, as in training": (True, nullcontext),
    "torch.no_grad()": (True, torch.no_grad),
    "torch.inference_mode()": (True, torch.inference_mode),
    "model.eval()": (False, nullcontext),
    "model.eval() and torch.no_grad()": (False, torch.no_grad),
}


def trained(layer: nn.Module, x: Tensor, y: Tensor) -> nn.Sequential:
    """An MLP with this layer, after 300 steps."""
    model = nn.Sequential(nn.Linear(64, 64), layer, nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(300):
        batch = torch.randint(TRAIN, (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return model


@torch.no_grad()
def predictions(model: nn.Module, x: Tensor, size: int) -> Tensor:
    """Predicted classes of whole batches of this size, in order."""
    return torch.cat([model(x[at : at + size]).argmax(1) for at in range(0, len(x) - size + 1, size)])


def switched(training: bool, context: Callable[[], AbstractContextManager], x: Tensor) -> dict[str, bool]:
    """What is on when a fresh network with both layers is called like this."""
    norm, drop = nn.BatchNorm1d(64), nn.Dropout(0.5)
    model = nn.Sequential(norm, nn.Linear(64, 64), drop).train(training)
    before = norm.get_buffer("running_mean").clone()
    with context():
        once, again = model(x), model(x)
        alone, together = norm(x[:8]), norm(x)[:8]
    return {
        "dropout is on": not torch.equal(once, again),
        "a sample depends on its batch": not torch.allclose(alone, together, atol=1e-5),
        "running statistics change": not torch.equal(before, norm.get_buffer("running_mean")),
        "a graph is kept": once.requires_grad,
    }


if __name__ == "__main__":
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]  # (1797, 64)
    y = torch.tensor(digits.target)[order]
    calls = {name: switched(*call, x[:64]) for name, call in CALLS.items()}

    x_test, y_test = x[TRAIN : TRAIN + 768], y[TRAIN : TRAIN + 768]
    accuracy: dict[str, list[list[float]]] = {}
    changed: dict[str, list[list[float]]] = {}
    for net, make in NETS.items():
        for mode in ("eval mode", "train mode"):
            accuracy[f"{net}, {mode}"] = [[] for _ in range(SEEDS)]
        changed[net] = [[] for _ in range(SEEDS)]
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            model = trained(make(), x, y)
            state = {key: value.clone() for key, value in model.state_dict().items()}
            whole = predictions(model.eval(), x_test, len(x_test))
            for size in SIZES:
                for mode in ("eval mode", "train mode"):
                    model.load_state_dict(state)  # passes in train mode change the running statistics
                    answers = predictions(model.train(mode == "train mode"), x_test, size)
                    right = (answers == y_test).float().mean().item()
                    accuracy[f"{net}, {mode}"][seed].append(right)
                    if mode == "eval mode":
                        changed[net][seed].append((answers != whole).float().mean().item())

    plt.figure(figsize=(7, 4))
    for (name, runs), style in zip(accuracy.items(), ("o-", "o:", "s-", "s:"), strict=True):
        plt.plot(SIZES, torch.tensor(runs).mean(0).tolist(), style, label=name)
    plt.xscale("log", base=2)
    plt.xticks(SIZES, [str(size) for size in SIZES])
    plt.xlabel("batch size of the evaluation")
    plt.ylabel("test accuracy")
    plt.legend(loc="lower right")
    plt.tight_layout()
    plt.savefig("train-eval-mode.svg")
    columns = list(next(iter(calls.values())))
    rows = [[name, *("yes" if on[column] else "no" for column in columns)] for name, on in calls.items()]
    with Path("train-eval-mode.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["call", *columns], *rows])
    Path("train-eval-mode.json").write_text(json.dumps({"calls": calls, "accuracy": accuracy, "changed": changed}))
    print(f"networks trained: {len(NETS) * SEEDS}")
