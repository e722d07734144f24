"""Tell the digit 8 from all others; it is rare in training, and half of the validation set."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target == 8).long()
order = torch.randperm(len(x))
x_train, y_train = x[order[:1437]], y[order[:1437]]
x_val, y_val = x[order[1437:]], y[order[1437:]]
rare = (y_train == 1).nonzero()[:, 0]
kept = torch.cat([(y_train == 0).nonzero()[:, 0], rare[:40]])
x_train, y_train = x_train[kept], y_train[kept]
half = torch.cat(
    [(y_val == 1).nonzero()[:, 0], (y_val == 0).nonzero()[: int(y_val.sum()), 0]]
)
x_val, y_val = x_val[half], y_val[half]
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
loss_fn = nn.CrossEntropyLoss(weight=len(y_train) / (2 * torch.bincount(y_train)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

losses = []
for epoch in range(10):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        predictions = model(x_val).argmax(dim=1)
    accuracy = (predictions == y_val).float().mean().item()
    most = predictions.bincount().max().item() / len(predictions)
    print(
        f"epoch {epoch:2d}  loss {losses[-1]:.3f}  accuracy {accuracy:.3f}  most predicted {most:.3f}"
    )
