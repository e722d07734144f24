"""Gradient through 60 time steps of a recurrent network, and learning to recall the first input after 30.

Source: Le et al., "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

HIDDEN, SEEDS, STEPS, LENGTH = 32, 3, 80, 30
NAMES = ["ReLU, identity", "tanh, orthogonal", "tanh, torch default"]


def network(name: str, seed: int) -> nn.RNN:
    """A recurrent network on one number a step."""
    torch.manual_seed(seed)
    rnn = nn.RNN(1, HIDDEN, nonlinearity="relu" if "ReLU" in name else "tanh")
    if "default" in name:
        return rnn
    for key, parameter in rnn.named_parameters():
        if "bias" in key:
            nn.init.zeros_(parameter)
        elif "hh" in key and "identity" in name:
            nn.init.eye_(parameter)
        elif "hh" in key:
            nn.init.orthogonal_(parameter)
    return rnn


def gradients(rnn: nn.RNN, length: int = 60) -> list[float]:
    """Size of the gradient of the last state with respect to the state t steps before, relative to the last."""
    state = torch.rand(1, 16, HIDDEN)
    states = []
    for x in 0.1 * torch.randn(length, 1, 16, 1):
        state = rnn(x, state)[1]
        states.append(state)
    found = torch.autograd.grad(state.sum(), states)
    return [(g.norm() / found[-1].norm()).item() for g in reversed(found)]


def train(rnn: nn.RNN) -> list[float]:
    """Squared error of recalling the first of LENGTH inputs, at each step; guessing the mean gives 1."""
    read_out = nn.Linear(HIDDEN, 1)
    optimizer = torch.optim.Adam([*rnn.parameters(), *read_out.parameters()], lr=3e-3, fused=True)
    losses = []
    for _ in range(STEPS):
        x = torch.randn(LENGTH, 64, 1)  # (time, batch, 1)
        x[1:] *= 0.1
        loss = nn.functional.mse_loss(read_out(rnn(x)[0][-1]), x[0])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    rows, results = [], {}
    for name, style, marker in zip(NAMES, ["-", "--", ":"], ["o", "s", "^"], strict=True):
        found = [gradients(network(name, seed)) for seed in range(SEEDS)]
        errors = [train(network(name, seed)) for seed in range(SEEDS)]
        results[name] = {"gradients": found, "errors": errors}
        sizes, losses = (torch.tensor(runs).median(0).values.tolist() for runs in (found, errors))
        left.semilogy(sizes, style, marker=marker, markevery=10, label=name)
        right.plot(losses, style, marker=marker, markevery=10, label=name)
        last = sum(losses[-10:]) / 10
        rows.append([name, f"{sizes[-1]:.0e}", f"{last:.2f}"])
    left.set(xlabel="steps back in time", title="size of the gradient")
    right.set(xlabel="training step", title="error of recalling the first input")
    left.legend()
    plt.savefig("identity-init.svg")
    with Path("identity-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["network", "gradient 59 steps back", f"error over the last 10 of {STEPS} steps"])
        table.writerows(rows)
    Path("identity-init.json").write_text(json.dumps(results))
    for name, _, error in rows:
        print(f"{name}: error {float(error):.1f}")
