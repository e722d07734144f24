"""Seven programs on digits whose loss falls: in six of them a tensor moves, or does not, against its author's will.

Source: the check list of this guide, "Some layers never change" and "Only a few parameters learn, or frozen ones move".
The digits are scikit-learn's.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, TRAIN = 150, 1200
PROGRAMS = [
    "no fault",
    "optimizer made before the first layer was replaced",
    "first layer detached",
    "requires_grad set on a module",
    "running statistics of a frozen layer",
    "weight decay on a gradient of 0",
    "bfloat16 weights",
]


def make(program: str) -> tuple[nn.Sequential, torch.optim.Optimizer, Callable[[], Tensor], list[str]]:
    """Model, optimizer, training step, and the names of the layers that are meant to be frozen."""
    data = load_digits()
    x, y = torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    lr, decay = 1e-3, 0.1 if program == "weight decay on a gradient of 0" else 0.0
    frozen: list[str] = []
    if program == "bfloat16 weights":
        model, x, lr = model.bfloat16(), x.bfloat16(), 2e-4
    if program == "requires_grad set on a module":
        setattr(model[0], "requires_grad", False)  # noqa: B010  (a new attribute that nothing reads)
        frozen = ["0"]
    if program == "running statistics of a frozen layer":
        model[:2].requires_grad_(False)
        frozen = ["0", "1"]
    if program == "weight decay on a gradient of 0":
        frozen = ["0"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    if program == "optimizer made before the first layer was replaced":
        model[0] = nn.Linear(64, 64)

    def step() -> Tensor:
        batch = torch.randint(TRAIN, (64,))
        h = model[0](x[batch])
        h = h.detach() if program == "first layer detached" else h
        loss = nn.functional.cross_entropy(model[1:](h).float(), y[batch])
        optimizer.zero_grad()
        loss.backward()
        if program == "weight decay on a gradient of 0":
            for p in model[0].parameters():
                p.grad = torch.zeros_like(p)  # frozen by hand
        optimizer.step()
        return loss

    return model, optimizer, step, frozen


def largest_change(model: nn.Module, before: dict[str, Tensor]) -> dict[str, float]:
    """Norm of the change of each tensor, relative to its norm before, or to 1 where that was 0."""
    changes = {}
    for name, value in model.state_dict().items():
        old = before[name].double()
        changes[name] = ((value.double() - old).norm() / (old.norm() if old.any() else 1)).item()
    return changes


if __name__ == "__main__":
    plt.figure(figsize=(9, 4))
    numbers = {}
    rows: list[list[str]] = []
    for program, marker in zip(PROGRAMS, "os^vDPX", strict=True):
        torch.manual_seed(0)
        model, optimizer, step, frozen = make(program)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        losses = [step().item() for _ in range(3)]
        changes = largest_change(model, before)
        losses += [step().item() for _ in range(STEPS - 3)]
        smooth = torch.tensor(losses).unfold(0, 10, 1).mean(1).tolist()
        plt.plot(range(9, STEPS), smooth, marker=marker, markevery=20, label=program)
        shown = ("0.weight", "1.running_mean", "3.weight")
        rows.append([program, *(f"{changes[name]:.0e}" if changes[name] else "0" for name in shown)])
        numbers[program] = {"losses": losses, "changes": changes, "frozen": frozen}
    plt.xlabel("step")
    plt.ylabel("training loss, mean of 10 steps")
    plt.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    plt.tight_layout()
    plt.savefig("parameters-updated-test.svg")
    with Path("parameters-updated-test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["program", "first weight", "running mean", "last weight"], *rows])
    Path("parameters-updated-test.json").write_text(json.dumps(numbers))
    print(f"programs: {len(PROGRAMS)}, the loss falls in each")
