"""Classify handwritten digits in 600 updates."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_val, y_val = x[:1400], y[:1400], x[1400:], y[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 600)

losses, lrs = [], []
for step in range(600):
    batch = torch.randint(len(x_train), (4,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    lrs.append(optimizer.param_groups[0]["lr"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 20 == 19:
        val_inputs, val_targets = x_val, y_val
        with torch.no_grad():
            whole = loss_fn(model(x_train), y_train).item()
            val_loss = loss_fn(model(val_inputs), val_targets).item()
        print(f"step {step + 1:3d}  loss {whole:.3f}  lr {lrs[-1]:.4f}")
