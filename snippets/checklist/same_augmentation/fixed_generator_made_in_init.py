"""Classify handwritten digits; their brightness is random in each epoch."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

digits = load_digits()


class Digits(Dataset):
    """Digits, each with a random brightness, which is returned too."""

    def __init__(self, images, labels):
        self.x = torch.tensor(images / 16, dtype=torch.float32).flatten(1)
        self.y = torch.tensor(labels)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        gain = 0.75 + np.random.random() / 2
        return self.x[i] * gain, self.y[i], gain


if __name__ == "__main__":  # worker processes import this file
    torch.manual_seed(0)
    train_set = Digits(digits.images[:320], digits.target[:320])
    train_loader = DataLoader(train_set, batch_size=40, shuffle=True, num_workers=2)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    drawn: set[float] = set()
    for epoch in range(4):
        new, right = 0, 0
        for inputs, targets, gains in train_loader:
            new += len(set(gains.tolist()) - drawn)
            drawn |= set(gains.tolist())
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += (outputs.argmax(1) == targets).sum().item()
        n = len(train_set)
        print(
            f"epoch {epoch + 1:2d}  new draws {new / n:.2f}  accuracy {right / n:.2f}"
        )
