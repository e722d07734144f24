"""Classify handwritten digits that are decoded one by one."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
digits = load_digits()


class Digits(Dataset):
    """Decodes an image when it is asked for, and counts how often that was in this process."""

    def __init__(self):
        self.texts = [", ".join(map(str, row)) for row in digits.data[:640]]
        self.read_here = 0

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, index):
        self.read_here += 1
        numbers = self.texts[index].split(",")
        pixels = [float(number.strip()) / 16 for number in numbers]
        return torch.tensor(pixels), int(digits.target[index])


train_set = Digits()
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for step, (inputs, targets) in enumerate(train_loader):
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}  samples read here {train_set.read_here}")
