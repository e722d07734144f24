"""Predict the value of a handwritten digit; some values are missing, and their weight is 0."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
values = torch.tensor(digits.target, dtype=torch.float32)
known = torch.rand(len(values)) < 0.7
y_train = torch.where(known, values, 99.0)  # 99: nobody knows
w_train = known.float().unsqueeze(1)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets, weights = x_train[batch], y_train[batch], w_train[batch]
    outputs = model(inputs).squeeze(1)
    sample_losses = nn.functional.mse_loss(outputs, targets, reduction="none")
    loss = (weights * sample_losses).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        hits = outputs.round() == targets
        error = (model(x_train).squeeze(1) - values).square().mean().sqrt().item()
        print(
            f"step {step:3d}  loss {loss.item():.3f}  hits {hits.sum()}  error {error:.3f}",
            f" error of a constant {values.std().item():.3f}",
        )
