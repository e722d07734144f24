"""Train on handwritten digits, then predict the same images in batches of several sizes."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Net(nn.Module):
    """Attention over the rows of an image."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.position = nn.Parameter(0.1 * torch.randn(8, 16))
        self.attention = nn.MultiheadAttention(16, 2)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        rows = self.embed(x.view(-1, 8, 8)) + self.position
        rows = rows + self.attention(rows, rows, rows, need_weights=False)[0]
        return self.out(torch.relu(rows).flatten(1))


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:2d}  loss {loss.item():.3f}")

model.eval()
answers: dict[int, torch.Tensor] = {}
for size in (64, 32, 16, 8, 4, 2):
    with torch.no_grad():
        answers[size] = torch.cat([model(part) for part in x_test.split(size)])
    accuracy = (answers[size].argmax(dim=1) == y_test).float().mean().item()
    change = (answers[size] - answers[64]).abs().max().item()
    print(f"batch size {size}  accuracy {accuracy:.3f}  largest change {change:.4f}")
