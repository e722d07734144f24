"""Tell digits apart, and estimate how much ink their images hold, with one network and two heads."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
y, ink = torch.tensor(digits.target), x.sum(dim=1)
ink = (ink - ink[:1400].mean()) / ink[:1400].std()
x = x / 16
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 11))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def terms(model, inputs, targets):
    """The losses of both tasks: ten outputs are for the digit, the last is for the ink."""
    outputs = model(inputs)
    return {
        "digit": functional.cross_entropy(outputs[:, :10], targets[0]),
        "ink": functional.mse_loss(outputs[:, 10], targets[1]),
    }


for step in range(1, 201):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], (y_train[batch], ink[batch])
    loss = sum(terms(model, inputs, targets).values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            hits = model(x_test)[:, :10].argmax(dim=1) == y_test
        print(f"step {step:3d}  accuracy {hits.float().mean().item():.3f}")
