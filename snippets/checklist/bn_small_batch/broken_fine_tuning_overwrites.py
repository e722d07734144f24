"""Fine-tune a network that already reads digits on brighter images of ones, in small batches."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def norm(width):
    """The normalization behind each layer."""
    return nn.BatchNorm1d(width)


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
few = y_train == 1
train_loader = DataLoader(
    TensorDataset(0.4 * x_train[few] + 0.6, y_train[few]),
    batch_size=2,
    shuffle=True,
    drop_last=True,
)
layers = [
    nn.Linear(64, 64),
    norm(64),
    nn.ReLU(),
    nn.Linear(64, 64),
    norm(64),
    nn.ReLU(),
    nn.Linear(64, 10),
]
model = nn.Sequential(*layers)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(200):  # the training that came before
    batch = torch.randint(len(x_train), (64,))
    optimizer.zero_grad()
    loss_fn(model(x_train[batch]), y_train[batch]).backward()
    optimizer.step()
start = {name: value.clone() for name, value in model.state_dict().items()}

for group in optimizer.param_groups:
    group["lr"] = 1e-5
for step, (inputs, targets) in enumerate(train_loader):
    model.train()
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.3f}  test accuracy {accuracy:.3f}")
