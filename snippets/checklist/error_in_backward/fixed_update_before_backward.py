"""A GAN that draws points on a line."""

import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
generator_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)

for step in range(20):
    real = torch.rand(64, 1) * torch.tensor([1.0, 2.0])
    fake = generator(torch.randn(64, 4))
    loss = loss_fn(model(real), ones) + loss_fn(model(fake.detach()), zeros)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    second_loss = loss_fn(model(fake), ones)
    generator_optimizer.zero_grad()
    second_loss.backward()
    generator_optimizer.step()
    print(
        f"step {step:2d}  loss {loss.item():.3f}  second loss {second_loss.item():.3f}"
    )
