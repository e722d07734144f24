"""Adam and SparseAdam on an embedding whose rows are used with Zipf's frequencies.

Source: torch's documentation of torch.optim.SparseAdam; Zipf's law for the frequencies of words.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

WORDS, STEPS, BATCH = 2000, 300, 32


def travelled(sparse: bool) -> tuple[list[float], float]:
    """Distance that each row travelled, and the part of it in steps in which its word did not occur."""
    torch.manual_seed(0)
    embedding = nn.Embedding(WORDS, 8, sparse=sparse)
    kind = torch.optim.SparseAdam if sparse else torch.optim.Adam
    optimizer: torch.optim.Optimizer = kind(embedding.parameters(), lr=1e-2)
    target = torch.randn(WORDS, 8)  # (words, features)
    frequency = 1 / torch.arange(1, WORDS + 1)
    total, absent = torch.zeros(WORDS), torch.zeros(WORDS)
    for _ in range(STEPS):
        x = torch.multinomial(frequency, BATCH, replacement=True)  # (batch,)
        before = embedding.weight.detach().clone()
        optimizer.zero_grad()
        nn.functional.mse_loss(embedding(x), target[x]).backward()
        optimizer.step()
        distance = (embedding.weight.detach() - before).norm(dim=1)  # (words,)
        total += distance
        distance[x] = 0
        absent += distance
    return total.tolist(), (absent.sum() / total.sum()).item()


if __name__ == "__main__":
    table = [["optimizer", "share of all movement in steps without a gradient", "rank 1", "rank 100", "rank 1000"]]
    plt.figure(figsize=(7, 3.4))
    results = {}
    for name, sparse, marker in (("Adam", False, "o"), ("SparseAdam", True, "x")):
        total, share = travelled(sparse)
        results[name] = {"travelled": total, "share": share}
        plt.plot(range(1, WORDS + 1), total, marker, markersize=3, label=name)
        table.append([name, f"{share:.2f}", *(f"{total[rank - 1]:.2f}" for rank in (1, 100, 1000))])
    plt.xscale("log")
    plt.xlabel("rank of the word by frequency")
    plt.ylabel("distance travelled by its row")
    plt.legend()
    plt.tight_layout()
    plt.savefig("sparse-adam.svg")
    with Path("sparse-adam.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("sparse-adam.json").write_text(json.dumps(results))
    print("words:", WORDS, " steps:", STEPS)
