"""Train the last layer with a higher learning rate than the first."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def train(compiled):
    """Train with or without compilation; give back what is left at the end."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    losses = []
    model = torch.compile(net, backend="eager") if compiled else net
    head = [p for name, p in net.named_parameters() if name.startswith("2.")]
    body = [p for name, p in net.named_parameters() if not name.startswith("2.")]
    groups = [{"params": body, "lr": 0.001}, {"params": head, "lr": 0.2}]
    optimizer = torch.optim.SGD(groups)
    for _ in range(200):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, optimizer, inputs, losses


_, _, _, eager = train(compiled=False)
model, optimizer, inputs, losses = train(compiled=True)
for step in range(0, 200, 10):
    pair = f"eager loss {eager[step]:.3f}  compiled loss {losses[step]:.3f}"
    print(f"step {step:3d}  {pair}")
