"""Learn an embedding of handwritten digits by pairs."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_test, y_test = x[1400:], y[1400:]
order = y[:1400].argsort(stable=True)
x_train, y_train = x[order], y[order]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
margin = 1.0
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=35, shuffle=True)


def loss_fn(outputs, targets):
    """Pull the same digits together, push others a margin apart."""
    d = (outputs[:, None] - outputs).square().sum(dim=2).add(1e-12).sqrt()
    same = targets[:, None] == targets
    return torch.where(same, d, (margin - d).relu()).square().mean()


step = 0
for _ in range(5):
    for inputs, targets in train_loader:
        step += 1
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            with torch.no_grad():
                test = model(x_test)
            distance = torch.cdist(test, test).mean().item()
            print(f"step {step:3d}  loss {loss.item():.5f}  distance {distance:.3f}")
