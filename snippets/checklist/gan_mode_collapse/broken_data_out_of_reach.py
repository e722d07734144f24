"""Generate points like those of four clouds."""

import torch
from torch import nn

torch.manual_seed(0)
centers = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]])
generator = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2), nn.Tanh())
discriminator = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
bce = nn.BCEWithLogitsLoss()
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.99))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=5e-3, betas=(0.5, 0.99))


def discriminator_loss(real, fake):
    """Real samples should get high scores, generated ones low scores."""
    on_real, on_fake = discriminator(real), discriminator(fake)
    return bce(on_real, torch.ones_like(on_real)) + bce(
        on_fake, torch.zeros_like(on_fake)
    )


def generator_loss(scores):
    """How far the generator is from fooling the discriminator."""
    return bce(scores, torch.ones_like(scores))


def coverage(points):
    """The share of the four clouds that the points fill, at most a quarter each."""
    distance, nearest = torch.cdist(points, centers).min(dim=1)
    shares = [((nearest == k) & (distance < 1.2)).float().mean() for k in range(4)]
    return sum(share.clamp(max=0.25).item() for share in shares)


for step in range(241):
    points = centers[torch.randint(4, (128,))] + 0.4 * torch.randn(128, 2)
    inputs = points
    noise = torch.randn(128, 2)
    fake = generator(noise)
    loss_d = discriminator_loss(inputs, fake.detach())
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()

    loss_g = generator_loss(discriminator(fake))
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    if step % 15 == 0:
        with torch.no_grad():
            filled = coverage(generator(torch.randn(500, 2)))
        losses = f"discriminator loss {loss_d:.3f}  generator loss {loss_g:.3f}"
        print(f"step {step:3d}  {losses}  coverage {filled:.2f}")
