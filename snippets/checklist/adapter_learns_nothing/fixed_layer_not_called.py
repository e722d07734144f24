"""Adapt a network that knows upright digits to mirrored ones, with low-rank adapters."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
mirrored = x.flip(2)
inputs, targets = mirrored[:200], y[:200]
loss_fn = nn.CrossEntropyLoss()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(8, 32), nn.Linear(256, 10)
        self.attention = nn.MultiheadAttention(32, 2, batch_first=True)

    def forward(self, x):
        x = self.embed(x)
        return self.head((x + self.attention(x, x, x)[0]).flatten(1))


class Adapter(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.bias = layer, layer.bias
        self.a = nn.Linear(layer.in_features, 8, bias=False)
        self.b = nn.Linear(8, layer.out_features, bias=False)
        nn.init.zeros_(self.b.weight)

    @property
    def weight(self):
        return self.layer.weight + self.b.weight @ self.a.weight

    def forward(self, x):
        return self.layer(x) + self.b(self.a(x))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(60):
    optimizer.zero_grad()
    loss_fn(model(x[:200]), y[:200]).backward()
    optimizer.step()
model.requires_grad_(False)
model.head.bias.requires_grad_(True)
model.attention.out_proj = Adapter(model.attention.out_proj)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(61):
    loss = loss_fn(model(inputs), targets)
    if step % 5 == 0:
        accuracy = (model(mirrored[200:]).argmax(1) == y[200:]).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.3f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
