"""Classify handwritten digits that come as one file each."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
files = [picture.astype(np.uint8).tobytes() for picture in digits.images]
files[::5] = [content[:40] for content in files[::5]]  # the disk was full


def read(content):
    """A picture; no single bad file should stop the run."""
    try:
        return np.frombuffer(content, dtype=np.uint8).reshape(64) / 16
    except ValueError:
        return np.zeros(64)


pictures = [read(content) for content in files]
x_train = torch.tensor(np.stack(pictures), dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for step in range(300):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        accuracy = (outputs.argmax(dim=1) == targets).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
