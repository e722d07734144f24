"""Train on handwritten digits, save the network, and load it as another program would."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Block(nn.Module):
    """Add a small correction, scaled channel by channel."""

    def __init__(self, d):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(d), nn.Linear(d, d)
        self.gamma = nn.Parameter(torch.full((d,), 1e-4))

    def forward(self, x):
        return x + self.gamma * self.linear(self.norm(x)).relu()


def build():
    """A small classifier."""
    return nn.Sequential(Block(64), Block(64), nn.Linear(64, 10))


def load(model, checkpoint):
    """Read old files, too, in which the weights of normalization have other names."""
    old = {"gamma": "weight", "beta": "bias"}
    renamed = {}
    for name, value in checkpoint.items():
        parts = [old.get(part, part) for part in name.split(".")]
        known = name in model.state_dict()
        renamed[name if known else ".".join(parts)] = value
    model.load_state_dict(renamed)


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
loss_fn = nn.CrossEntropyLoss()
trained = build()
optimizer = torch.optim.Adam(trained.parameters(), lr=1e-2)

for _ in range(100):
    batch = torch.randint(len(x_train), (64,))
    loss = loss_fn(trained(x_train[batch]), y_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
trained.eval()
with torch.no_grad():
    before = loss_fn(trained(x_test), y_test).item()
torch.save(trained.state_dict(), "digits.pt")
model, checkpoint = build(), torch.load("digits.pt", weights_only=True)
load(model, checkpoint)
model.eval()
with torch.no_grad():
    after = loss_fn(model(x_test), y_test).item()
print(f"test loss before saving {before:.3f}  test loss after loading {after:.3f}")
