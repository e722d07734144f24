"""Residual networks with LayerNorm before or after each branch: gradients by depth, and training without warm-up.

Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

WIDTH, DEPTHS, STARTS = 32, [2, 4, 8, 16], 4
TRAINED, RATES, SEEDS, STEPS, WARMUP = 12, [0.001, 0.01], 4, 40, 20


class Block(nn.Module):
    """A branch with one hidden layer and a skip connection; the LayerNorm is in the branch or after the sum."""

    def __init__(self, pre: bool) -> None:
        super().__init__()
        self.pre, self.norm = pre, nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def branch(self, x: Tensor) -> Tensor:
        """The part beside the skip connection."""
        return self.down(torch.relu(self.up(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (batch, WIDTH)."""
        return x + self.branch(self.norm(x)) if self.pre else self.norm(x + self.branch(x))


def network(pre: bool, depth: int) -> nn.Sequential:
    """Blocks between an input layer and an output layer; Pre-LN has a last LayerNorm."""
    blocks = [Block(pre) for _ in range(depth)]
    last = nn.LayerNorm(WIDTH) if pre else nn.Identity()
    model = nn.Sequential(nn.Linear(64, WIDTH), *blocks, last, nn.Linear(WIDTH, 10))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            nn.init.zeros_(module.bias)
    return model


def at_the_start(pre: bool, depth: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Norm of the last block's gradient, and spread of what leaves the last block; means over networks."""
    norms, spreads = [], []
    for seed in range(STARTS):
        torch.manual_seed(seed)
        model = network(pre, depth)
        stream = model[: depth + 1](x)
        nn.functional.cross_entropy(model[depth + 1 :](stream), y).backward()
        (gradient,) = (p.grad for name, p in model.named_parameters() if name == f"{depth}.down.weight")
        assert gradient is not None
        norms.append(gradient.norm().item())
        spreads.append(stream.std(dim=1).mean().item())
    return mean(norms), mean(spreads)


def accuracy(pre: bool, warmup: int, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Test accuracy after STEPS steps of Adam, with a warm-up of that many steps."""
    torch.manual_seed(seed)
    model = network(pre, TRAINED)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = lr * min(1.0, (step + 1) / max(warmup, 1))
        batch = train[torch.randint(len(train), (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, dict] = {}
    for name, pre, style in [("Post-LN", False, "s--"), ("Pre-LN", True, "o-")]:
        norms, spreads = zip(*(at_the_start(pre, depth, x[:256], y[:256]) for depth in DEPTHS), strict=True)
        results[name] = {"norm": norms, "spread": spreads}
        plt.plot(DEPTHS, norms, style, label=name)
    plt.xscale("log", base=2)
    plt.xticks(DEPTHS, [str(depth) for depth in DEPTHS])
    plt.ylim(bottom=0)
    plt.xlabel("number of blocks")
    plt.ylabel("norm of the last block's gradient")
    plt.legend()
    plt.savefig("pre-ln-vs-post-ln.svg")
    rows = []
    for name, pre, warmup in [("Post-LN", False, 0), ("Post-LN, warm-up", False, WARMUP), ("Pre-LN", True, 0)]:
        scores = [[accuracy(pre, warmup, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        results.setdefault(name, {})["accuracy"] = scores  # (rates, seeds)
        rows.append([name, *(" / ".join(f"{score:.2f}" for score in row) for row in scores)])
    with Path("pre-ln-vs-post-ln.csv").open("w", newline="") as file:
        head = ["norms", *(f"accuracy, learning rate {lr:g}" for lr in RATES)]
        csv.writer(file).writerows([head, *rows])
    Path("pre-ln-vs-post-ln.json").write_text(json.dumps(results))
    for name, *_ in rows:
        good = sum(score > 0.5 for score in results[name]["accuracy"][1])
        print(f"{name}, learning rate {RATES[1]:g}: accuracy above 0.5 with {good} of {SEEDS} seeds")
