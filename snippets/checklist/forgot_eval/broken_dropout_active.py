"""Train on handwritten digits, then measure the test loss again and again."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train = x[:1500], y[:1500]
val_loader = DataLoader(TensorDataset(x[1500:], y[1500:]), batch_size=64)
model = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(100):
    batch = torch.randint(len(x_train), (64,))
    loss = loss_fn(model(x_train[batch]), y_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
checkpoint = model.state_dict()

for iteration in range(12):
    total, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for inputs, targets in val_loader:
            outputs = model(inputs)
            total += loss_fn(outputs, targets).item() * len(inputs)
            right += (outputs.argmax(dim=1) == targets).sum().item()
            seen += len(inputs)
    print(
        f"iteration {iteration:2d}  test loss {total / seen:.4f}  accuracy {right / seen:.4f}"
    )
