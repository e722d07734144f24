"""Find the eights among handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
x = (x + 0.5 * torch.randn_like(x)).clamp(0, 1)  # a poor camera
y = (y == 8).float().unsqueeze(1)
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
model = nn.Linear(64, 1)
pos_weight = torch.tensor(9.0)  # there are nine times as many others
loss_fn = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % 10 == 0:
        with torch.no_grad():
            probabilities = model(x_test).sigmoid()
        alarm = probabilities > 0.5
        confidence = probabilities[alarm].mean()
        right = y_test[alarm].mean()  # of the alarms
        print(
            f"step {step + 1:3d}  loss {loss:.3f}  "
            f"confidence {confidence:.3f}  accuracy {right:.3f}"
        )
