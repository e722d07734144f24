"""Tell the grower of a wine from 13 measurements."""

import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
wine = load_wine()
x_train = torch.tensor(
    (wine.data - wine.data.mean(axis=0)) / wine.data.std(axis=0), dtype=torch.float32
)
y_train = torch.tensor(wine.target)
model = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

losses = []
for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        accuracy = (outputs.argmax(dim=1) == targets).float().mean().item()
        print(f"step {step:3d}  loss {losses[-1]:.4g}  accuracy {accuracy:.2f}")
