"""Train on handwritten digits, save the network, and load it as another program would."""

import torch
from sklearn.datasets import load_digits
from torch import nn


def build():
    """A small classifier."""
    return nn.Sequential(
        nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)
    )


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
scaler = {"mean": x[:1500].mean(dim=0), "std": x[:1500].std(dim=0) + 0.3}
x = (x - scaler["mean"]) / scaler["std"]
words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
names = [words[i] for i in digits.target]
classes = list(dict.fromkeys(names))
y = torch.tensor([classes.index(name) for name in names])
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
loss_fn = nn.CrossEntropyLoss()
trained = build()
optimizer = torch.optim.Adam(trained.parameters(), lr=1e-2)

for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    loss = loss_fn(trained(x_train[batch]), y_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")
trained.eval()
with torch.no_grad():
    before = loss_fn(trained(x_test), y_test).item()
torch.save(
    {"model": trained.state_dict(), "classes": classes, "scaler": scaler}, "digits.pt"
)

model = build()
saved = torch.load("digits.pt", weights_only=True)
checkpoint = saved["model"]
model.load_state_dict(checkpoint)
model.eval()
classes = sorted(set(names))
targets = torch.tensor([classes.index(name) for name in names[1500:]])
with torch.no_grad():
    outputs = model(x_test)
    after = loss_fn(outputs, targets).item()
print(f"test loss before saving {before:.3f}  test loss after loading {after:.3f}")
