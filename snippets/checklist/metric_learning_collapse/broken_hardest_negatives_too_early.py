"""Learn an embedding of handwritten digits by triplets."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
margin = 1.0


def loss_fn(outputs, targets):
    """How much farther a positive is than a negative, less a margin."""
    d = (outputs[:, None] - outputs).square().sum(dim=2).add(1e-12).sqrt()
    same = targets[:, None] == targets
    far = d.masked_fill(~same, 0).amax(dim=1)
    near = d.masked_fill(same, 1e9).amin(dim=1)
    return (far - near + margin).relu().mean()


for step in range(1, 101):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs + 0.5 * torch.randn_like(inputs))
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        with torch.no_grad():
            test = model(x_test)
        distance = torch.cdist(test, test).mean().item()
        print(f"step {step:3d}  loss {loss.item():.5f}  distance {distance:.3f}")
