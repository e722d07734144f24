"""Find the ink in noisy images of digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
ink = (x_train > 0.5).float()
x_train = x_train + 0.2 * torch.randn_like(x_train)
y_train = ink
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(outputs, targets):
    """Overlap of the answer and the ink: the Dice coefficient."""
    p = outputs.sigmoid()
    overlap = 2 * (p * targets).sum(dim=1) / (p.sum(dim=1) + targets.sum(dim=1))
    return overlap.mean()


for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        score = (
            2
            * ((outputs > 0) * targets).sum().item()
            / ((outputs > 0).sum() + targets.sum()).item()
        )
        print(f"step {step:3d}  loss {loss.item():.4f}  score {score:.3f}")
