"""Take the noise off pictures of digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.images[:, :7, :7] / 16, dtype=torch.float32).unsqueeze(1)
noisy = x_train + 0.3 * torch.randn_like(x_train)
train_loader = DataLoader(
    TensorDataset(noisy, x_train), batch_size=64, shuffle=True, drop_last=True
)


class Net(nn.Module):
    """A U-Net of one level."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(1, 8, kernel_size=3, padding=1)
        self.down = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(8, 8, kernel_size=2, stride=2)
        self.last = nn.Conv2d(16, 1, kernel_size=3, padding=1)

    def forward(self, x):
        skip = self.inner(x).relu()
        x = self.up(self.down(skip))
        return self.last(torch.cat([skip, x], dim=1))


model = Net()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(3):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}  loss {loss.item():.3f}")
