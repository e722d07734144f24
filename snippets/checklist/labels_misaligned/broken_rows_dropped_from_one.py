"""Classify handwritten digits, without the scans that came out empty."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
labels = torch.tensor(digits.target)[order]
images[[230, 900, 1500]] = 0.0  # the scanner's lid was open

good = images.sum(dim=1) > 0
x_train = images[good]
y_train = labels[: len(x_train)]
train_set = TensorDataset(x_train, y_train)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

step = 0
for _epoch in range(7):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 10 == 0:
            accuracy = (outputs.argmax(1) == targets).float().mean().item()
            print(f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")

share = y_train.bincount() / len(y_train)
print(f"best constant {-(share * share.log()).sum().item():.3f}")
