"""Classify handwritten digits in float16 by attention over their rows."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]


class Reader(nn.Module):
    """Attention over rows, empty rows left out."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Linear(8, 64)
        self.place = nn.Parameter(torch.randn(8, 64))
        self.query, self.head = nn.Parameter(torch.randn(8, 64)), nn.Linear(512, 10)

    def forward(self, x):
        empty = (x == 0).all(dim=2).unsqueeze(1)
        rows = (self.rows(x) + self.place).relu()
        scores = self.query @ rows.mT / 8
        scores = scores.masked_fill(empty, -1e9)
        return self.head((scores.softmax(dim=2) @ rows).flatten(1))


model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
scaler = torch.amp.GradScaler("cpu")

for step in range(1, 151):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    with torch.autocast("cpu", dtype=torch.float16):
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    if step % 10 == 0:
        accuracy = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
