"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
device = torch.device("meta")  # in place of a GPU
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)


class Net(nn.Module):
    """A linear classifier that first takes the mean image away."""

    def __init__(self, mean):
        super().__init__()
        self.mean = mean
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(x - self.mean)


model = Net(x_train.mean(dim=0)).to(device)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(3):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    inputs = inputs.to(device)
    targets = targets.to(device)
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: the loss is on {loss.device}")
