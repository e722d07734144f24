"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)


class Net(nn.Module):
    """Two layers and a gate."""

    def __init__(self):
        super().__init__()
        self.inner, self.gate, self.last = (
            nn.Linear(64, 64),
            nn.Linear(64, 64),
            nn.Linear(64, 10),
        )

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        features = self.inner(x) * gate
        gate += 0.1
        return self.last(features / gate)


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(20):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step:2d}  loss {loss.item():.3f}")
