"""Classify handwritten digits; the learning rate is halved after every ten steps, and updates are counted."""

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
updates = 0


def count(optimizer, args, kwargs):
    """Count an update."""
    global updates
    updates += 1


optimizer.register_step_post_hook(count)

for step in range(30):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(
        f"step {step:2d}  loss {loss.item():.3f}  lr {optimizer.param_groups[0]['lr']:.5f}"
    )
    scheduler.step()
