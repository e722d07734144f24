"""Compare two optimizers on short texts."""

import torch
from torch import nn

torch.manual_seed(0)
often = 1.0 / torch.arange(1, 1001)  # how often each of 1,000 words is used
x = torch.multinomial(often, 50000, replacement=True).view(5000, 10)
y = (torch.randn(1000)[x].sum(dim=1) > 0).long()
x_train, y_train, x_test, y_test = x[:3000], y[:3000], x[3000:], y[3000:]
loss_fn = nn.CrossEntropyLoss()
steps = 400

for name in ("sgd", "adam"):
    torch.manual_seed(1)
    model = nn.Sequential(nn.EmbeddingBag(1000, 16), nn.Linear(16, 2))
    if name == "sgd":
        optimizer = sgd = torch.optim.SGD(
            model.parameters(), lr=3.0, momentum=0.9, weight_decay=0.0002
        )
        scheduler = torch.optim.lr_scheduler.LinearLR(sgd, 1.0, 0.0, steps)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.002)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    losses = []
    for step in range(steps):
        batch = torch.randint(len(x_train), (64,))
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
