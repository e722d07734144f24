"""Tell red, green and blue handwriting apart: pictures are height, width, channel."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
gray = torch.tensor(load_digits().images / 16, dtype=torch.float32)
ink = torch.rand(len(gray), 3)
pictures = gray.unsqueeze(-1) * ink.reshape(-1, 1, 1, 3)  # (sample, 8, 8, 3)
x = pictures.reshape(-1, 3, 8, 8)
y = ink.argmax(dim=1)
x_train, y_train, x_val, y_val = x[:1400], y[:1400], x[1400:], y[1400:]

model = nn.Sequential(
    nn.Conv2d(3, 32, 3),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(32, 3),
)
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
    if step % 5 == 4:
        with torch.no_grad():
            accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
