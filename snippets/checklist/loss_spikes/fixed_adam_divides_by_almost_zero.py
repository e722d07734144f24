"""Learn 256 handwritten digits by heart."""

from statistics import fmean

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data[:256] / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target[:256])
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03, betas=(0.9, 0.9), eps=1e-4)

inputs, targets = x_train, y_train
losses = []
for step in range(700):
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step % 20 == 19:
        print(
            f"step {step:3d}  loss {fmean(losses[-20:]):.2g}  largest loss {max(losses[-20:]):.2g}"
        )
