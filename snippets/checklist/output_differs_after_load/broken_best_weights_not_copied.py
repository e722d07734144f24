"""Train on handwritten digits, keep the best weights, and load them at the end."""

import torch
from sklearn.datasets import load_digits
from torch import nn


def build():
    """A small classifier."""
    return nn.Sequential(
        nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)
    )


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:200], y[:200].clone(), x[1500:], y[1500:]
y_train[::3] = torch.randint(10, (67,))  # careless labels
loss_fn = nn.CrossEntropyLoss()
model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

best = float("inf")
for step in range(301):
    batch = torch.randint(len(x_train), (64,))
    loss = loss_fn(model(x_train[batch]), y_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        model.eval()
        with torch.no_grad():
            test_loss = loss_fn(model(x_test), y_test).item()
        model.train()
        print(f"step {step:3d}  loss {loss.item():.3f}  test loss {test_loss:.3f}")
        if test_loss < best:
            best, checkpoint = test_loss, model.state_dict()

model.load_state_dict(checkpoint)
model.eval()
targets = y_test
with torch.no_grad():
    outputs = model(x_test)
    after = loss_fn(outputs, targets).item()
print(f"test loss before saving {best:.3f}  test loss after loading {after:.3f}")
