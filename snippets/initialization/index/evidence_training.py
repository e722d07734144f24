"""Train a plain network of 30 layers on digits from each initializer, three seeds each, with ReLU and with tanh.

Source: He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DEPTH, WIDTH, SEEDS, STEPS, BATCH = 30, 64, 3, 150, 64
LEARNING_RATE, MOMENTUM = 0.003, 0.9
INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "normal, std 0.01": lambda w: nn.init.normal_(w, std=0.01),
    "torch's default": lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5)),
    "LeCun (here = Xavier)": lambda w: nn.init.xavier_normal_(w),
    "Kaiming": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "orthogonal": lambda w: nn.init.orthogonal_(w),
}
STYLES = [(0, (1, 1)), "--", "-", "-.", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = ["v", "s", "o", "^", "D"]


def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's 1797 digits of 8 x 8 pixels, standardized as a whole: (images, 64) and labels (images,)."""
    data = load_digits()
    x = torch.tensor(data.data, dtype=torch.float32)
    return (x - x.mean()) / x.std(), torch.tensor(data.target)


def train(activation: Callable[[Tensor], Tensor], gain: float, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Train every initializer and seed at once, as a stack of independent networks.

    Args:
        activation: applied after each of the DEPTH hidden layers.
        gain: factor on the orthogonal matrices; the other initializers are as torch ships them.
        steps: steps of SGD with momentum.

    Returns:
        Loss of every step, (initializers, seeds, steps), and accuracy on 360 digits kept aside, (initializers, seeds).
    """
    hidden, heads = [], []
    for initializer in INITIALIZERS.values():
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            layers = torch.stack([initializer(torch.empty(WIDTH, WIDTH)) for _ in range(DEPTH)])
            hidden.append(layers * gain if initializer is INITIALIZERS["orthogonal"] else layers)
            heads.append(nn.init.xavier_normal_(torch.empty(10, WIDTH)))  # one rule for every read-out
    weights = torch.stack(hidden, 1).requires_grad_()  # (depth, networks, out, in)
    biases = torch.zeros(DEPTH, len(heads), 1, WIDTH, requires_grad=True)
    read_out = torch.stack(heads).requires_grad_()  # (networks, 10, width)
    optimizer = torch.optim.SGD([weights, biases, read_out], lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)

    def logits(x: Tensor) -> Tensor:
        h = x.expand(len(heads), -1, -1)  # (networks, batch, width)
        for weight, bias in zip(weights, biases, strict=True):
            h = activation(torch.baddbmm(bias, h, weight.mT))
        return h @ read_out.mT  # (networks, batch, 10)

    x, y = digits()
    order = torch.randperm(len(x), generator=torch.Generator(x.device).manual_seed(0))
    train_set, test_set = order[360:], order[:360]
    history = []
    for step in range(steps):
        batch = train_set[(torch.arange(BATCH) + step * BATCH) % len(train_set)]
        target = y[batch].expand(len(heads), -1)
        losses = nn.functional.cross_entropy(logits(x[batch]).mT, target, reduction="none").mean(1)  # (networks,)
        optimizer.zero_grad()
        losses.sum().backward()  # a sum: no network's gradient depends on another network
        optimizer.step()
        history.append(losses.detach())
    with torch.no_grad():
        accuracy = (logits(x[test_set]).argmax(-1) == y[test_set]).float().mean(1)
    shape = (len(INITIALIZERS), SEEDS)
    return torch.stack(history, 1).reshape(*shape, steps), accuracy.reshape(shape)


if __name__ == "__main__":
    torch.set_flush_denormal(True)  # what fades below 1e-38 becomes 0: arithmetic with such numbers is slow
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
    rows = [["activation", "initializer", "median loss, last 20 steps", "median accuracy on digits kept aside"]]
    results = {}
    settings = [("ReLU", torch.relu, math.sqrt(2)), ("tanh", torch.tanh, 1.0)]
    for axis, (name, activation, gain) in zip(axes, settings, strict=True):
        history, accuracy = train(activation, gain)
        results[name] = dict(zip(INITIALIZERS, history.tolist(), strict=True))
        for place, label in enumerate(INITIALIZERS):
            smooth = nn.functional.avg_pool1d(history[place][:, None], 10, stride=10)[:, 0]  # (seeds, steps / 10)
            steps = [10 * i + 5 for i in range(smooth.shape[1])]
            axis.fill_between(steps, smooth.amin(0).tolist(), smooth.amax(0).tolist(), alpha=0.2)
            axis.semilogy(
                steps, smooth.median(0).values.tolist(), linestyle=STYLES[place], marker=MARKERS[place],
                markevery=(place, 6), markersize=5, label=label,
            )  # fmt: skip
            final = history[place, :, -20:].mean(1).median()
            rows.append([name, label, f"{final:.2f}", f"{accuracy[place].median():.2f}"])
        axis.axhline(math.log(10), linestyle=":", linewidth=1, color="C6")
        axis.set(title=f"{DEPTH} layers of {name}", xlabel="step", ylim=(0.08, 4.5))
    axes[0].set_ylabel("training loss")
    axes[0].annotate("guessing: log 10 = 2.30", (STEPS, 2.5), ha="right", va="bottom")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    plt.savefig("index-training.svg")
    with Path("index-training.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("index-training.json").write_text(json.dumps(results))
    for name in ("ReLU", "tanh"):
        started = [row[1] for row in rows[1:] if row[0] == name and float(row[2]) < 2]
        print(f"{name}, {DEPTH} layers, loss below 2 after {STEPS} steps: {', '.join(started)}")
