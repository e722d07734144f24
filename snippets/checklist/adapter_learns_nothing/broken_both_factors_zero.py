"""Adapt a network that knows upright digits to mirrored ones, with low-rank adapters."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
mirrored = x.view(-1, 8, 8).flip(2).flatten(1)
inputs, targets = mirrored[:400], y[:400]
loss_fn = nn.CrossEntropyLoss()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(64, 128), nn.Linear(128, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(x + self.down(self.up(x).relu()))


class Adapter(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.a = nn.Linear(layer.in_features, 8, bias=False)
        self.b = nn.Linear(8, layer.out_features, bias=False)
        nn.init.zeros_(self.a.weight)
        nn.init.zeros_(self.b.weight)

    def forward(self, x):
        return self.layer(x) + self.b(self.a(x))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for _ in range(100):
    optimizer.zero_grad()
    loss_fn(model(x[:400]), y[:400]).backward()
    optimizer.step()
model.requires_grad_(False)
model.head.bias.requires_grad_(True)
adapted = ["up", "down"]
for name in adapted:
    model.set_submodule(name, Adapter(model.get_submodule(name)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for step in range(101):
    loss = loss_fn(model(inputs), targets)
    if step % 5 == 0:
        accuracy = (model(mirrored[400:]).argmax(1) == y[400:]).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.3f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
