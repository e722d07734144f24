"""Classify handwritten digits with an L2 penalty, and without."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()

norms = []
for strength in (0.0, 0.01):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    matrices = [p for p in model.parameters() if p.dim() > 1]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history, losses = [], []
    for _ in range(400):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        penalty = sum(p.square().sum() for p in matrices)
        loss = loss_fn(model(inputs), targets) + strength * penalty
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(torch.cat([w.flatten() for w in matrices]).norm().item())
    norms.append(history)

for step in range(0, 400, 20):
    without, decayed = (history[step] for history in norms)
    print(f"step {step:3d}  norm with decay {decayed:.3f}  norm without {without:.3f}")
