"""Learn soft labels by the Kullback-Leibler divergence."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
y_train = 0.9 * nn.functional.one_hot(y_train, 10) + 0.01
model = nn.Sequential(
    nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.LogSoftmax(dim=1)
)
loss_fn = nn.KLDivLoss(reduction="batchmean")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")
