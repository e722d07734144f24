"""Train a deep plain network on handwritten digits."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn


class Block(nn.Module):
    """One layer of the network."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)
        self.factor = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.factor * torch.relu(self.layer(x))


torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
layers = [Block() for _ in range(60)]
model = nn.Sequential(nn.Linear(64, 64), *layers, nn.Linear(64, 10))
for module in model.modules():
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
untrained = copy.deepcopy(model)

for step in range(51):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    if step % 5 == 0 or not torch.isfinite(loss):
        print(f"step {step:3d}  loss {loss.item():.4g}")
    if not torch.isfinite(loss):
        break
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
