"""How global response normalization sharpens the competition of channels on digits, and what that does for training.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.global_response_normalization.use import GlobalResponseNorm

WEIGHTS, SEEDS, STEPS, CHANNELS = [0.0, 0.5, 1.0, 2.0, 4.0], 3, 40, 12


def response(weight: float) -> GlobalResponseNorm:
    """The layer with the same weight for all channels."""
    layer = GlobalResponseNorm(4 * CHANNELS)
    nn.init.constant_(layer.weight, weight)
    return layer


class SmallBlock(nn.Module):
    """A ConvNeXt block for maps of 4 x 4, with global response normalization or without."""

    def __init__(self, has_response: bool) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS)
        self.up, self.down = nn.Linear(CHANNELS, 4 * CHANNELS), nn.Linear(4 * CHANNELS, CHANNELS)
        self.respond = response(0.0) if has_response else nn.Identity()

    def hidden(self, x: Tensor) -> Tensor:
        """What is behind the activation, (batch, height, width, 4 channels)."""
        return F.gelu(self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1))))

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, channels, height, width)."""
        return x + self.down(self.respond(self.hidden(x))).permute(0, 3, 1, 2)


def share(hidden: Tensor) -> float:
    """Share of the strongest quarter of the channels in the sum of all channels' sizes; mean of all images."""
    size = torch.linalg.vector_norm(hidden, dim=(1, 2))  # (batch, channel)
    strongest = size.topk(size.size(1) // 4, dim=1).values
    return (strongest.sum(dim=1) / size.sum(dim=1)).mean().item()


def accuracy(has_response: bool, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 797 digits after training two blocks on the other 1,000."""
    torch.manual_seed(seed)
    blocks = (SmallBlock(has_response) for _ in range(2))
    model = nn.Sequential(
        nn.Conv2d(1, CHANNELS, 2, stride=2), *blocks, nn.Flatten(), nn.Linear(16 * CHANNELS, 10)
    )  # 8 x 8 pixels, then 4 x 4
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    for batch in train[torch.randint(1000, (STEPS, 32))]:
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)
    torch.manual_seed(0)
    with torch.no_grad():
        stem, block = nn.Conv2d(1, CHANNELS, 2, stride=2), SmallBlock(False)
        hidden = block.hidden(stem(x[:200]))
        shares = [share(response(weight)(hidden)) for weight in WEIGHTS]
    kinds = {"without": False, "with": True}
    scores = {name: [accuracy(has, seed, x, y) for seed in range(SEEDS)] for name, has in kinds.items()}
    plt.plot(WEIGHTS, shares, "o-")
    plt.ylim(0, 1)
    plt.xlabel("weight")
    plt.ylabel("share of the strongest quarter of channels")
    plt.savefig("global-response-normalization.svg")
    rows = [[name, *(f"{score:.3f}" for score in row)] for name, row in scores.items()]
    with Path("global-response-normalization.csv").open("w", newline="") as file:
        heads = ["global response normalization", *(f"seed {seed}" for seed in range(SEEDS))]
        csv.writer(file).writerows([heads, *rows])
    Path("global-response-normalization.json").write_text(json.dumps({"shares": shares, "accuracy": scores}))
    print(f"share of the strongest quarter, weight 0 and 4: {shares[0]:.2f}, {shares[-1]:.2f}")
