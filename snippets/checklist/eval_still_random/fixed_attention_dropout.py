"""Train on handwritten digits, then measure the test loss several times in evaluation mode."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """Attention over the rows of an image."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 128)
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        rows = x.view(-1, 1, 8, 8)
        rows = F.scaled_dot_product_attention(
            self.query(rows),
            self.key(rows),
            rows,
            dropout_p=0.3 if self.training else 0.0,
        )
        x = torch.relu(self.hidden(x + rows.flatten(1)))
        return self.out(x)


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for _ in range(100):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

model.eval()
for iteration in range(12):
    with torch.no_grad():
        outputs = model(x_test)
        loss = loss_fn(outputs, y_test).item()
    accuracy = (outputs.argmax(dim=1) == y_test).float().mean().item()
    print(f"iteration {iteration:2d}  test loss {loss:.4f}  accuracy {accuracy:.4f}")
