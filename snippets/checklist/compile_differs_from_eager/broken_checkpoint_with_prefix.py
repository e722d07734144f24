"""Train, save, load, and train on with a small learning rate."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def network():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def train(model, lr):
    """Make 100 updates; give back the losses."""
    losses = []
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(100):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def train_twice(compiled):
    """Train, and train a new model on from the checkpoint of the first."""
    torch.manual_seed(0)
    model = torch.compile(network(), backend="eager") if compiled else network()
    losses = train(model, 0.2)
    torch.save(model.state_dict(), "checkpoint.pt")
    model, checkpoint = network(), torch.load("checkpoint.pt")
    model.load_state_dict(checkpoint, strict=False)
    return model, checkpoint, losses + train(model, 0.01)


_, _, eager = train_twice(compiled=False)
model, checkpoint, losses = train_twice(compiled=True)
for step in range(0, 200, 10):
    pair = f"eager loss {eager[step]:.3f}  compiled loss {losses[step]:.3f}"
    print(f"step {step:3d}  {pair}")
