"""A run on digits that is interrupted and goes on from a file in which one part is missing, against the whole run.

Source: the parts that the table of this page lists.
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

STEPS, BREAK, BATCH, SEEDS = 240, 150, 32, 3
MISSING = {
    "nothing": "o-",
    "optimizer": "s--",
    "scheduler": "^-.",
    "buffers": "v:",
    "random states": "d--",
    "place in the data": "x:",
}


class Run:
    """Model, optimizer and scheduler of one run."""

    def __init__(self) -> None:
        self.model = nn.Sequential(
            nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10)
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-2)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, STEPS)

    def load(self, file: dict[str, Any], missing: str) -> None:
        """Load all but one part."""
        state = file["model"]
        if missing == "buffers":
            state = {name: value for name, value in state.items() if "running" not in name}
        self.model.load_state_dict(state, strict=missing != "buffers")
        if missing != "optimizer":
            self.optimizer.load_state_dict(file["optimizer"])
        if missing == "scheduler":
            self.optimizer.param_groups[0]["lr"] = 1e-2
        else:
            self.scheduler.load_state_dict(file["scheduler"])
            self.optimizer.param_groups[0]["lr"] = self.scheduler.get_last_lr()[0]
        if missing != "random states":
            torch.set_rng_state(file["random"])


def batch(step: int, train: torch.Tensor, seed: int) -> torch.Tensor:
    """Indices of the batch of a step: the order of an epoch depends on its number alone."""
    epoch, place = divmod(step, len(train) // BATCH)
    generator = torch.Generator().manual_seed(1000 * seed + epoch)
    order = torch.randperm(len(train), generator=generator, device=generator.device)
    return train[order[BATCH * place : BATCH * (place + 1)].to(train.device)]


def follow(run: Run, seed: int, steps: range, shift: int = 0) -> dict[str, Any]:
    """Train; from the break on, weights and test loss after each step, and the test accuracy at the end."""
    weights, losses, accuracy = [], [], 0.0
    for step in steps:
        index = batch(step - shift, train, seed)
        run.model.train()
        loss = nn.functional.cross_entropy(run.model(x[index]), y[index])
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        run.scheduler.step()
        if step < BREAK:
            continue
        run.model.eval()
        with torch.no_grad():
            outputs = run.model(x[test])
            losses.append(nn.functional.cross_entropy(outputs, y[test]).item())
            accuracy = (outputs.argmax(dim=1) == y[test]).float().mean().item()
        weights.append(nn.utils.parameters_to_vector(run.model.parameters()).detach())
    return {"weights": weights, "loss": losses, "accuracy": accuracy}


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, list[dict[str, Any]]] = {missing: [] for missing in MISSING}
    curves = {}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        order = torch.randperm(len(x))
        train, test = order[:300], order[300:]
        run = Run()
        follow(run, seed, range(BREAK))
        parts = {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict()}
        torch.save(parts | {"scheduler": run.scheduler.state_dict(), "random": torch.get_rng_state()}, "run.pt")
        whole = follow(run, seed, range(BREAK, STEPS))
        for missing in MISSING:
            torch.manual_seed(seed + 100)  # another process
            resumed = Run()
            resumed.load(torch.load("run.pt", map_location="cpu"), missing)
            shift = BREAK if missing == "place in the data" else 0
            found = follow(resumed, seed, range(BREAK, STEPS), shift)
            ours, theirs = torch.stack(found["weights"]), torch.stack(whole["weights"])  # (steps, weights)
            distance = (ours - theirs).norm(dim=1) / theirs.norm(dim=1)
            rise = max(a - b for a, b in zip(found["loss"], whole["loss"], strict=True))
            results[missing].append(
                {"distance": distance.tolist(), "rise": rise, "accuracy": found["accuracy"], "whole": whole["accuracy"]}
            )
            if seed == 0:
                curves[missing] = found["loss"]
    Path("run.pt").unlink()
    left, right = plt.subplots(1, 2)[1]
    for missing, style in MISSING.items():
        steps = range(BREAK + 1, STEPS + 1)
        left.plot(steps, curves[missing], style, markevery=15, label=missing)
        right.plot(steps, results[missing][0]["distance"], style, markevery=15)
    left.set(xlabel="step", ylabel="test loss", yscale="log")
    right.set(xlabel="step", ylabel="distance to the whole run")
    left.legend(title="missing")
    plt.tight_layout()
    plt.savefig("checkpoint-resume.svg")
    rows = []
    for missing, runs in results.items():
        rise, distance, accuracy = (
            torch.tensor(values)
            for values in zip(*[(r["rise"], r["distance"][-1], r["accuracy"]) for r in runs], strict=True)
        )
        rows.append([missing, f"{rise.mean():.2f}", f"{distance.mean():.3f}", f"{accuracy.mean():.3f}"])
    header = ["missing", "largest rise of the test loss", "distance to the whole run at the end", "test accuracy"]
    with Path("checkpoint-resume.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    Path("checkpoint-resume.json").write_text(json.dumps(results))
    print(f"nothing missing: largest distance {max(max(r['distance']) for r in results['nothing']):.0f}")
