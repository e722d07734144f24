"""Generate points like those of four clouds."""

import torch
from torch import nn

torch.manual_seed(0)
centers = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
generator = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2))
discriminator = nn.Sequential(
    nn.Linear(2, 64),
    nn.BatchNorm1d(64),
    nn.LeakyReLU(0.2),
    nn.Linear(64, 64),
    nn.BatchNorm1d(64),
    nn.LeakyReLU(0.2),
    nn.Linear(64, 1),
)
optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.0, 0.9))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=5e-3, betas=(0.0, 0.9))


def gradient_penalty(real, fake):
    """How far the slope of the scores is from 1, at points between real and generated samples."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    scores = discriminator(between).sum()
    (slope,) = torch.autograd.grad(scores, between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


def coverage(points):
    """The share of the four clouds that the points fill, at most a quarter each."""
    distance, nearest = torch.cdist(points, centers).min(dim=1)
    shares = [((nearest == k) & (distance < 0.6)).float().mean() for k in range(4)]
    return sum(share.clamp(max=0.25).item() for share in shares)


for step in range(201):
    inputs = centers[torch.randint(4, (128,))] + 0.2 * torch.randn(128, 2)
    fake = generator(torch.randn(128, 2))
    loss_d = discriminator(fake.detach()).mean() - discriminator(inputs).mean()
    loss_d = loss_d + gradient_penalty(inputs, fake.detach())
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()

    loss_g = -discriminator(fake).mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    if step % 10 == 0:
        with torch.no_grad():
            filled = coverage(generator(torch.randn(500, 2)))
        losses = f"discriminator loss {loss_d:.3f}  generator loss {loss_g:.3f}"
        print(f"step {step:3d}  {losses}  coverage {filled:.2f}")
