"""What each part of ZFNet holds and costs for an image of 224 by 224, and patterns that its first layers answer to.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, figures 1 and 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

from snippets.architectures.zfnet.from_scratch import ZFNet
from snippets.architectures.zfnet.use import project
from snippets.experiment import arrow, box, save, stages

STEPS, CHANNELS = 60, 16


def trained() -> tuple[nn.Sequential, torch.Tensor, float]:
    """A small network on digits, the digits, and its accuracy on them."""
    torch.manual_seed(0)
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(digits.target)
    features = [
        nn.Conv2d(1, CHANNELS, 3, 1, 1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1),
        nn.ReLU(),
    ]
    model = nn.Sequential(*features, nn.Flatten(), nn.Linear(CHANNELS * 16, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(STEPS):
        batch = torch.randint(0, len(x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return model, x, (model(x).argmax(1) == y).float().mean().item()


def diagram(network: nn.Module) -> None:
    """The layers, one below the other, without activations, dropout and the normalization of contrast."""
    names = ["image"]
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            name = f"{layer.kernel_size[0]}×{layer.kernel_size[0]} convolution, {layer.out_channels}"
            names.append(name + (f", stride {layer.stride[0]}" if layer.stride[0] > 1 else ""))
        elif isinstance(layer, nn.MaxPool2d):
            names.append(f"max pooling, {layer.kernel_size}×{layer.kernel_size}")
        elif isinstance(layer, nn.Linear):
            names.append(f"linear layer, {layer.out_features}")
    _, axes = plt.subplots(figsize=(4.5, 6))
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    axes.set(xlim=(-2, 2), ylim=(0.5 - len(names), 0.5))
    axes.set_axis_off()
    plt.savefig("zfnet-layers.svg")
    plt.close()
    with Path("zfnet-layers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["layer"], *([name] for name in names)])


if __name__ == "__main__":
    with torch.device("meta"):
        network = ZFNet()
    diagram(network)
    save("zfnet", "ZFNet", stages(network))
    model, x, accuracy = trained()
    with torch.no_grad():
        answers = model[:5](x).amax(dim=(2, 3))  # (digits, channels)
    busiest = answers.mean(0).topk(5).indices.tolist()
    _, axes = plt.subplots(2, len(busiest), figsize=(6, 2.8))
    for column, channel in enumerate(busiest):
        image = x[answers[:, channel].argmax()].unsqueeze(0)
        pattern = project(list(model)[:5], image, channel)
        for row, picture in enumerate((image, pattern)):
            largest = picture.abs().max().item()
            axes[row, column].imshow(picture[0, 0].tolist(), cmap="PuOr", vmin=-largest, vmax=largest)
            axes[row, column].set_axis_off()
    plt.savefig("zfnet-patterns.svg")
    found = json.loads(Path("zfnet.json").read_text(encoding="utf-8"))
    Path("zfnet.json").write_text(json.dumps({**found, "accuracy": accuracy}), encoding="utf-8")
    print(f"accuracy on digits: {accuracy:.0%}")
