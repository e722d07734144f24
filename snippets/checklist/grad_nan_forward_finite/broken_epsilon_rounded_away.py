"""Classify handwritten digits in bfloat16; a term asks that some class applies to each of them."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = nn.functional.one_hot(torch.tensor(digits.target)).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, inputs):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layers(inputs)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(outputs, targets):
    """Cross-entropy of each class, and the chance that none applies: the product of all 1 - p."""
    p = outputs.sigmoid()
    none = torch.log1p(-p.clamp(max=1 - 1e-6)).sum(dim=1).exp()
    fit = nn.functional.binary_cross_entropy_with_logits(outputs.float(), targets)
    return fit + 0.1 * none.mean()


for step in range(300):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.get_total_norm(
        [p.grad for p in model.parameters() if p.grad is not None]
    ).item()
    if step % 10 == 0 or math.isnan(norm):
        print(f"step {step:3d}  loss {loss.item():.4g}  gradient {norm:.3g}")
    if math.isnan(norm):
        break
    optimizer.step()
