"""Classify handwritten digits with weight decay, and without."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()

norms = []
for weight_decay in (0.0, 0.3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "lr": 3e-3, "weight_decay": 0.0},
        {"params": vectors, "lr": 3e-3, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)
    history, losses = [], []
    for _ in range(400):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(torch.cat([w.flatten() for w in matrices]).norm().item())
    norms.append(history)

for step in range(0, 400, 20):
    without, decayed = (history[step] for history in norms)
    print(f"step {step:3d}  norm with decay {decayed:.3f}  norm without {without:.3f}")
