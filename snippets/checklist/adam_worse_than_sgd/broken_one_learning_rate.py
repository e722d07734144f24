"""Compare two optimizers on handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
x_train, y_train, x_test, y_test = x[:400], y[:400].clone(), x[400:], y[400:]
loss_fn = nn.CrossEntropyLoss()
steps = 400

for name in ("sgd", "adam"):
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    if name == "sgd":
        optimizer = sgd = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.LinearLR(sgd, 1.0, 0.0, steps)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    losses = []
    for step in range(steps):
        batch = torch.randint(len(x_train), (32,))
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if (step + 1) % (steps // 10) == 0:
            mean = sum(losses[-40:]) / 40
            with torch.no_grad():
                right = (model(x_test).argmax(dim=1) == y_test).float().mean()
            print(
                f"step {step + 1:4d}  {name} loss {mean:.3f}  {name} accuracy {right:.3f}"
            )
