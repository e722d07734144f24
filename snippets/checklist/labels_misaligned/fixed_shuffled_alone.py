"""Classify handwritten digits: one file for each image, labels in a table."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
np.random.seed(0)
digits = load_digits()
folder = {f"scan_{i}.png": image for i, image in enumerate(digits.images)}
table = [(f"scan_{i}.png", int(label)) for i, label in enumerate(digits.target)]

image_files = label_files = [name for name, _ in table]
images = np.stack([folder[name] for name in image_files])
labels = np.array([label for _, label in table])
order = np.random.permutation(len(images))
images, labels = images[order], labels[order]
x_train = torch.tensor(images / 16, dtype=torch.float32).flatten(1)
y_train = torch.tensor(labels)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        accuracy = (outputs.argmax(1) == targets).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")

share = y_train.bincount() / len(y_train)
print(f"best constant {-(share * share.log()).sum().item():.3f}")
