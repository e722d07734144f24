"""Memory that every optimizer of torch keeps for a parameter, measured on a matrix in float32 after its steps.

Source: Ruder, "An overview of gradient descent optimization algorithms", 2016; torch.optim
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

ROWS, COLUMNS = 256, 128
SETTINGS: list[tuple[str, dict]] = [  # class, settings; the rate plays no part
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("Adafactor", {}),
    ("Muon", {}),
    ("Adagrad", {}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adam", {}),
    ("AdamW", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Adamax", {}),
    ("SparseAdam", {}),
    ("Adadelta", {}),
    ("Rprop", {}),
    ("ASGD", {}),
    ("AdamW", {"amsgrad": True}),
    ("LBFGS", {"history_size": 10, "max_iter": 15}),
    ("LBFGS", {"max_iter": 120}),
]


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a nest of dictionaries and lists."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors(item)


def state_after_steps(name: str, settings: dict, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Tensors that the optimizer keeps for one (256, 128) matrix after three steps, without the step counter.

    Args:
        name: of a class in torch.optim.
        settings: its settings.
        dtype: of the matrix.
    """
    torch.manual_seed(0)
    p = nn.Parameter(torch.randn(ROWS, COLUMNS).to(dtype))
    curvature = torch.logspace(0, 4, COLUMNS).to(dtype)
    optimizer = getattr(torch.optim, name)([p], **settings)

    def closure() -> Tensor:
        optimizer.zero_grad()
        rows = nn.functional.embedding(torch.arange(ROWS), p, sparse=name == "SparseAdam")  # all of them
        loss = (curvature * rows.square()).mean()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    return [state for state in tensors(dict(optimizer.state)) if state.dim()]


def bytes_per_parameter(states: list[Tensor]) -> float:
    """What these tensors take, divided by the parameters."""
    return sum(state.numel() * state.element_size() for state in states) / (ROWS * COLUMNS)


if __name__ == "__main__":
    rows = []
    for name, settings in SETTINGS:
        states = state_after_steps(name, settings)
        shown = ", ".join(f"{k}={v}" for k, v in settings.items() if k != "max_iter")
        rows.append((f"{name}({shown})", len(states), bytes_per_parameter(states)))
    Path("optimizer-overview.json").write_text(json.dumps(rows))
    rows.sort(key=lambda row: row[2])
    with Path("optimizer-overview.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["optimizer", "tensors of state", "bytes of state for a parameter", "with weight and gradient"]
        csv.writer(file).writerows([head, *((n, k, f"{size:.2f}", f"{size + 8:.2f}") for n, k, size in rows)])
    small = [row for row in reversed(rows) if row[2] < 20]  # L-BFGS would make all others invisible
    names, sizes = [row[0] for row in small], [row[2] for row in small]
    figure, axis = plt.subplots(figsize=(8, 5.2), layout="constrained")
    bars = axis.barh(names, sizes)
    axis.bar_label(bars, [f"{size:.2g}" for size in sizes], padding=4)
    axis.axvline(4, linestyle="--", linewidth=1.2, color="C1")
    axis.text(4.1, len(names) - 0.2, "size of the weight", va="center")
    axis.set(xlabel="bytes of state for a parameter in float32", xlim=(0, 13.5), ylim=(-0.7, len(names) + 0.4))
    axis.grid(visible=False, axis="y")
    plt.savefig("optimizer-overview.svg")
    print(f"state in bytes: SGD {rows[0][2]:.0f}, AdamW {next(r[2] for r in rows if r[0] == 'AdamW()'):.0f}")
    print(f"most: {rows[-1][0]}, {rows[-1][2]:.0f}")
