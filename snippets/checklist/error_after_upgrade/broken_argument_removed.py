"""Classify handwritten digits."""

import io

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
checkpoint = io.BytesIO()
torch.save(model.state_dict(), checkpoint)
scheduler_class = torch.optim.lr_scheduler.ReduceLROnPlateau
options = {"factor": 0.5, "patience": 2, "verbose": True}
scheduler = scheduler_class(optimizer, **options)

for step in range(20):
    loss = loss_fn(model(x_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(
        f"step {step:2d}  loss {loss.item():.3f}  lr {scheduler.get_last_lr()[0]:.4f}"
    )
    scheduler.step(loss.item())
