"""Tell even digits from odd ones."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target % 2).float().unsqueeze(1)
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def metric(outputs, targets):
    """Share of right answers."""
    predictions = (outputs > 0).long().flatten()
    return (predictions == targets.flatten()).float().mean().item()


for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    loss = loss_fn(model(x_train[batch]), y_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            outputs, targets = model(x_test), y_test
        score = metric(outputs, targets)
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  score {score:.3f}")

constants = [torch.full_like(y_test, value) for value in (-1.0, 1.0)]
print(f"best constant {max(metric(one, y_test) for one in constants):.3f}")
