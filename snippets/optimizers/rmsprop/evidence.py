"""Length of a step while the size of the gradients jumps: AdaGrad, RMSProp, Adam.

Source: Tieleman and Hinton, "Lecture 6.5 - rmsprop", 2012.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

PHASE = 1500
SCALES = [1.0, 100.0, 1.0, 0.01]


def step_lengths(optimizer_class: type) -> torch.Tensor:
    """Mean length of a step in units of lr, for 400 parameters with random gradients whose size jumps."""
    torch.manual_seed(0)
    theta = torch.zeros(400, requires_grad=True)
    optimizer = optimizer_class([theta], lr=1.0)
    lengths = []
    for scale in SCALES:
        for _ in range(PHASE):
            before = theta.detach().clone()
            theta.grad = scale * torch.randn(400)
            optimizer.step()
            lengths.append((theta.detach() - before).abs().mean())
    return torch.stack(lengths)


if __name__ == "__main__":
    rows, results = [], {}
    for name, style in [("Adagrad", ":"), ("RMSprop", "-"), ("Adam", "--")]:
        lengths = step_lengths(getattr(torch.optim, name))
        plt.plot(lengths.tolist(), style, label=name)
        results[name] = lengths.tolist()
        rows.append([name, *(f"{lengths[(i + 1) * PHASE - 50 : (i + 1) * PHASE].mean():.2g}" for i in range(4))])
    for i, scale in enumerate(SCALES):
        plt.annotate(f"gradients × {scale:g}", (i * PHASE + 60, 30), fontsize=8)
    plt.yscale("log")
    plt.ylim(1e-5, 100)
    plt.xlabel("step")
    plt.ylabel("mean length of a step / lr")
    plt.legend(loc="lower left")
    plt.savefig("rmsprop.svg")
    with Path("rmsprop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["optimizer", *(f"end of × {scale:g}" for scale in SCALES)], *rows])
    Path("rmsprop.json").write_text(json.dumps(results))
    print("phases of", PHASE, "steps, gradients multiplied by", SCALES)
