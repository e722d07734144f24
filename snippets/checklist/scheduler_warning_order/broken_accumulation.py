"""Classify handwritten digits with gradients of four batches; the learning rate falls after every ten updates."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)

for step in range(60):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = loss_fn(model(inputs), targets)
    (loss / 4).backward()
    if step % 4 == 3:
        optimizer.step()
        optimizer.zero_grad()
    scheduler.step()
    print(
        f"step {step:2d}  loss {loss.item():.3f}  lr {optimizer.param_groups[0]['lr']:.5f}"
    )
