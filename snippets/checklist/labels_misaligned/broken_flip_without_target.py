"""Find where in a wide picture a handwritten digit stands."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
digits = torch.tensor(load_digits().images / 16, dtype=torch.float32)


class Pictures(Dataset):
    """Pictures of 8 × 32 pixels, with the digit's place between 0 and 1."""

    def __init__(self, images):
        self.left = torch.randint(0, 25, (len(images),))
        self.x = torch.zeros(len(images), 8, 32)
        for x, image, left in zip(self.x, images, self.left, strict=True):
            x[:, left : left + 8] = image

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        x, place = self.x[i], self.left[i] / 24
        if torch.rand(()) < 0.5:
            x = x.flip(-1)
        return x, place.reshape(1)


train_set = Pictures(digits[:1000])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

step = 0
for _epoch in range(10):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 10 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")

print(f"best constant {(train_set.left / 24).var().item():.4f}")
