"""Adapt a network to handwritten digits by a few weights, save it, and load it as another program would."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Adapted(nn.Linear):
    """A frozen layer with a low-rank correction, which is merged into its weight for evaluation."""

    def __init__(self, d_in, d_out, rank=8):
        super().__init__(d_in, d_out)
        self.weight.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, d_in) / d_in**0.5)
        self.up = nn.Parameter(torch.zeros(d_out, rank))
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:  # merge for evaluation, take out for training
            self.weight.data += (-1 if mode else 1) * self.up.data @ self.down.data
            self.merged = not mode
        return self

    def forward(self, x):
        y = super().forward(x)
        return y if self.merged else y + x @ self.down.T @ self.up.T


def build():
    """A small classifier."""
    return nn.Sequential(Adapted(64, 64), nn.ReLU(), Adapted(64, 10))


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
loss_fn = nn.CrossEntropyLoss()
trained = build()
optimizer = torch.optim.Adam(trained.parameters(), lr=1e-2)
for _ in range(150):
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
model.load_state_dict(checkpoint)
model.eval()
with torch.no_grad():
    after = loss_fn(model(x_test), y_test).item()
print(f"test loss before saving {before:.3f}  test loss after loading {after:.3f}")
