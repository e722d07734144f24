"""Predict how many minutes the deliveries of a day take together; now and then one takes long."""

import torch
from torch import nn

torch.manual_seed(0)
x_train = torch.rand(2000, 4)
late = torch.rand(2000) < 0.25
y_train = torch.where(late, 60.0, 10.0 + x_train[:, 0]).unsqueeze(1)
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        score = (outputs.sum() / targets.sum()).item()
        print(f"step {step:3d}  loss {loss.item():.4f}  score {score:.3f}")
