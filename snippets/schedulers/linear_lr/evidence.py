"""What LinearLR's settings really give: ramps that look alike but start and end at different updates.

Source: torch.optim.lr_scheduler.LinearLR, PyTorch 2.x
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from snippets.schedulers.linear_lr.from_scratch import learning_rate

STEPS = 30
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "1/10, total_iters=10": {"start_factor": 1 / 10, "total_iters": 10},
    "1/10, total_iters=9": {"start_factor": 1 / 10, "total_iters": 9},
    "1 to 0, total_iters=20": {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 20},
}


def factors(**settings: Any) -> list[float]:
    """Factor of the base rate at each update, from torch."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = LinearLR(optimizer, **settings)
    out = []
    for _ in range(STEPS):
        out.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return out


def closed(start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> list[float]:
    """The same factors by the formula, with torch's defaults."""
    return [learning_rate(t, 1.0, start_factor, end_factor, total_iters) for t in range(STEPS)]


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, axis = plt.subplots(figsize=(7, 3.8))
    rows, results = [], {}
    for (name, settings), style, marker in zip(SETTINGS.items(), ("-.", "--", "-", ":"), "o^sD", strict=True):
        got = results[name] = factors(**settings)
        line = axis.plot(got, linestyle=style, label=name)[0]
        axis.plot(closed(**settings), marker, markersize=4, color=line.get_color())
        last = next(t for t in range(STEPS) if abs(got[t] - got[-1]) < 1e-9)
        rows.append([name, f"{got[0]:.3f}", f"{got[1] - got[0]:+.3f}", str(last)])
    axis.set(xlabel="update", ylabel="factor of the base rate", title="torch (lines), closed form (dots)")
    axis.legend(fontsize="small", loc="center right")
    figure.tight_layout()
    plt.savefig("linear-lr.svg")
    with Path("linear-lr.csv").open("w", newline="") as file:
        head = ["LinearLR(...)", "factor of update 0", "change per update", "first update at the last factor"]
        csv.writer(file).writerows([head, *rows])
    Path("linear-lr.json").write_text(json.dumps(results))
    print("first update at the last factor:", ", ".join(f"{row[0]}: {row[3]}" for row in rows[:3]))
