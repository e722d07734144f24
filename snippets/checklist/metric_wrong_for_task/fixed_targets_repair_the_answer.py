"""Find the seconds in which a machine is faulty, by the error of an autoencoder of its four sensors."""

import torch
from torch import nn

torch.manual_seed(0)
angle = 0.05 * torch.arange(8000)
x = torch.stack([angle.sin(), angle.cos(), (2 * angle).sin(), (2 * angle).cos()], dim=1)
x += 0.1 * torch.randn(8000, 4)
y = torch.zeros(8000, dtype=torch.bool)
for start in range(4200, 8000, 500):
    y[start : start + 120] = True
x[y, 3] = -x[y, 3]
x_train, x_test, y_test = x[:4000], x[4000:], y[4000:]
model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2), nn.Linear(2, 32))
model.extend([nn.Tanh(), nn.Linear(32, 4)])
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def metric(outputs, targets):
    """F1 of alarms at the largest outputs, a quarter of all."""
    found = outputs > outputs.quantile(0.75)
    return (2 * (found & targets).sum() / (found.sum() + targets.sum())).item()


for step in range(300):
    inputs = x_train[torch.randint(len(x_train), (64,))]
    loss = loss_fn(model(inputs), inputs)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 19:
        with torch.no_grad():
            outputs, targets = (model(x_test) - x_test).square().mean(dim=1), y_test
        score = metric(outputs, targets)
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  score {score:.3f}")

print(f"random answer {metric(torch.rand(len(targets)), targets):.3f}")
