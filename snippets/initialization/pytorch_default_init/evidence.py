"""50 ReLU layers at PyTorch's default and at Kaiming's: the signal forward, the gradient backward, and training.

Source: experiment of this guide; the Kaiming rule is He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.pytorch_default_init.use import use_kaiming

DEPTH, WIDTH = 50, 256


def measure(kaiming: bool, seed: int = 0) -> dict[str, list[float]]:
    """Statistics at each of DEPTH layers: rms of the activations, their std over inputs, rms of the gradient."""
    torch.manual_seed(seed)
    x = torch.randn(256, WIDTH)  # (batch, features)
    layers = [nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)]
    activations = []
    for layer in layers:
        if kaiming:
            use_kaiming(layer)
        x = torch.relu(layer(x))
        x.retain_grad()
        activations.append(x)
    x.backward(torch.randn(x.shape))  # a unit-normal gradient arrives at the last layer
    found: dict[str, list[float]] = {"rms": [], "signal": [], "gradient": []}
    for a in activations:
        a64 = a.detach().cpu().double()  # squares below 1e-38 would vanish in float32
        found["rms"].append(a64.square().mean().sqrt().item())
        found["signal"].append(a64.var(0).mean().sqrt().item())
        assert a.grad is not None
        found["gradient"].append(a.grad.cpu().double().square().mean().sqrt().item())
    return found


def accuracy(depth: int, kaiming: bool, x: Tensor, y: Tensor, steps: int = 50) -> float:
    """Test accuracy on digits of a ReLU network of ``depth`` hidden layers after ``steps`` of Adam."""
    torch.manual_seed(0)
    hidden = [m for _ in range(depth) for m in (nn.Linear(64, 64), nn.ReLU())]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    if kaiming:
        model.apply(use_kaiming)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        at = slice(step % 10 * 128, step % 10 * 128 + 128)
        loss = nn.functional.cross_entropy(model(x[at]), y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[1280:]).argmax(1) == y[1280:]).float().mean().item()


def load() -> tuple[Tensor, Tensor]:
    """Digits (n, 64) in [-1, 1] and their classes, in an order drawn from torch's global generator."""
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.get_default_dtype()) / 8 - 1
    y = torch.tensor(digits.target)
    order = torch.randperm(len(y))
    return x[order], y[order]


if __name__ == "__main__":
    default, kaiming = measure(kaiming=False), measure(kaiming=True)
    figure, (forward, backward) = plt.subplots(1, 2, figsize=(9, 4))
    depths = range(1, DEPTH + 1)
    forward.plot(depths, default["rms"], "s-", markevery=7, label="default: rms")
    forward.plot(depths, default["signal"], "^--", markevery=7, label="default: spread over inputs")
    forward.plot(depths, kaiming["rms"], "o-", markevery=7, label="Kaiming: rms")
    forward.plot(depths, kaiming["signal"], "v--", markevery=7, label="Kaiming: spread over inputs")
    forward.set(yscale="log", xlabel="layer", ylabel="activations", title="forward")
    forward.legend()
    backward.plot(depths, default["gradient"], "s-", markevery=7, label="default")
    backward.plot(depths, kaiming["gradient"], "o-", markevery=7, label="Kaiming")
    backward.set(yscale="log", xlabel="layer", ylabel="rms of the gradient", title="backward, from layer 50 to 1")
    backward.legend()
    figure.tight_layout()
    figure.savefig("pytorch-default-init.svg")
    with Path("pytorch-default-init.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "layer",
                "default rms",
                "default spread over inputs",
                "default gradient",
                "Kaiming rms",
                "Kaiming spread over inputs",
                "Kaiming gradient",
            ]
        )
        for d in (1, 10, 20, 30, 40, 50):
            values = [default[k][d - 1] for k in ("rms", "signal", "gradient")]
            values += [kaiming[k][d - 1] for k in ("rms", "signal", "gradient")]
            writer.writerow([d, *[f"{value:.0e}" for value in values]])

    x, y = load()
    rows = [["hidden layers", "default", "Kaiming"]]
    accuracies = {depth: [accuracy(depth, k, x, y) for k in (False, True)] for depth in (2, 5, 10, 20)}
    rows += [[str(depth), *[f"{share:.2f}" for share in shares]] for depth, shares in accuracies.items()]
    with Path("pytorch-default-init-accuracy.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    results = {"default": default, "Kaiming": kaiming, "accuracies": accuracies}
    Path("pytorch-default-init.json").write_text(json.dumps(results))
    print(f"default: rms {default['rms'][-1]:.2f} after {DEPTH} layers, spread over inputs {default['signal'][-1]:.0e}")
    print(f"default: gradient at layer 1 {default['gradient'][0]:.0e}; Kaiming: {kaiming['gradient'][0]:.1f}")
    print(f"digits, 20 layers: default {rows[-1][1]}, Kaiming {rows[-1][2]}")
