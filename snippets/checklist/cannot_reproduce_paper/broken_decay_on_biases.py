"""Train the linear baseline of a paper: progression of diabetes in a year."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

paper = {"error": 46.0, "parameters": 11, "lr": 1.0, "weight_decay": 0.01}

data = load_diabetes()
torch.manual_seed(0)
order = torch.randperm(len(data.target))
x = torch.tensor(data.data, dtype=torch.float32)[order]
y = torch.tensor(data.target, dtype=torch.float32).unsqueeze(1)[order]
x = (x - x[:300].mean(dim=0)) / x[:300].std(dim=0)
x_train, y_train, x_test, y_test = x[:300], y[:300], x[300:], y[300:]
model = nn.Linear(10, 1)
loss_fn = nn.L1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, 600)

for step in range(400):
    batch = torch.randint(len(x_train), (32,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 20 == 19:
        print(f"step {step + 1:3d}  loss {loss.item():.1f}")

model.eval()
with torch.no_grad():
    test_outputs = model(x_test)
error = (test_outputs - y_test).abs().mean().item()
print(f"test error {error:.1f}  published error {paper['error']:.1f}")
