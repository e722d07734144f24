"""Classify handwritten digits with a Transformer over their rows."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.images / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)


class Reader(nn.Module):
    """Rows and their places, layers of attention, and a class token to read from."""

    def __init__(self, width=16, layers=6):
        super().__init__()
        self.rows = nn.Linear(8, width)
        self.place = nn.Parameter(0.5 * torch.randn(9, width))
        self.start = nn.Parameter(torch.zeros(1, 1, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 2, 64, dropout=0.0, batch_first=True, norm_first=False
            )
            for _ in range(layers)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x):
        start = self.start.expand(len(x), -1, -1)
        x = torch.cat([start, self.rows(x)], dim=1) + self.place
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x[:, 0]))


model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
losses, rates = [], []
for step in range(1, 49):
    batch = torch.randint(len(x_train), (32,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    rates.append(optimizer.param_groups[0]["lr"])
    if step % 4 == 0:
        print(f"step {step:3d}  loss {sum(losses[-4:]) / 4:.3f}")
