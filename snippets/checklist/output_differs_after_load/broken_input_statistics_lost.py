"""Train on handwritten digits, save the network, and load it as another program would."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Scaler:
    """Standardizes every pixel by the mean and the variance of all that it was shown."""

    def __init__(self):
        self.count, self.mean, self.var = 0, torch.zeros(64), torch.ones(64)

    def update(self, x):
        """Take in another batch."""
        self.count += len(x)
        share, gap = len(x) / self.count, x.mean(dim=0) - self.mean
        var = x.var(dim=0, correction=0) + (1 - share) * gap**2
        self.mean = self.mean + share * gap
        self.var = self.var + share * (var - self.var)

    def __call__(self, x):
        return (x - self.mean) / (self.var + 0.1).sqrt()


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, targets = x[:1500], y[:1500], x[1500:], y[1500:]
loss_fn = nn.CrossEntropyLoss()
scaler = Scaler()
trained = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(trained.parameters(), lr=1e-2)

for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    scaler.update(x_train[batch])
    loss = loss_fn(trained(scaler(x_train[batch])), y_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")
with torch.no_grad():
    before = loss_fn(trained(scaler(x_test)), targets).item()
torch.save({"model": trained.state_dict()}, "digits.pt")

saved = torch.load("digits.pt", weights_only=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
model.load_state_dict(saved["model"])
model.eval()
scaler = Scaler()
with torch.no_grad():
    outputs = model(scaler(x_test))
    after = loss_fn(outputs, targets).item()
print(f"test loss before saving {before:.3f}  test loss after loading {after:.3f}")
