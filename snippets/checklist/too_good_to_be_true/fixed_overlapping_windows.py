"""Tell from a sensor's recording whether the machine is idle or at work."""

import torch
from torch import nn

torch.manual_seed(0)
signal = torch.randn(24000, 12).cumsum(dim=0)
state = torch.randint(0, 2, (300,)).repeat_interleave(80)
signal = (signal - signal.mean(dim=0)) / signal.std(dim=0)
starts = torch.arange(0, 24000 - 40, 10)
x = torch.stack([signal[start : start + 40] for start in starts])
y = state[starts + 20]
x_new, y_new = x[1800:], y[1800:]
order = torch.arange(1800)
train, val = order[:1400], order[1400:]
(x_train, y_train), (x_val, y_val) = (x[train], y[train]), (x[val], y[val])
model = nn.Sequential(nn.Flatten(), nn.Linear(480, 128), nn.ReLU(), nn.Linear(128, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def score(x, y):
    """Mean of the accuracies on each class."""
    with torch.no_grad():
        right = model(x).argmax(dim=1) == y
    return sum(right[y == label].float().mean().item() for label in (0, 1)) / 2


losses = []
for epoch in range(20):
    for batch in torch.randperm(len(x_train)).split(64):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(loss.item())
    val_score, new_score = score(x_val, y_val), score(x_new, y_new)
    print(
        f"epoch {epoch:2d}  loss {losses[-1]:.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
    )
