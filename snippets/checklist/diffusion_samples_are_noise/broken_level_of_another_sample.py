"""Learn to generate handwritten digits with a diffusion model."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x_train = torch.tensor(load_digits().data / 8 - 1, dtype=torch.float32)
real = torch.cdist(x_train[:300], x_train[300:]).amin(dim=1).mean()
betas = torch.linspace(1e-3, 0.2, 50)
alphas_cumprod = (1 - betas).cumprod(dim=0)


class Denoiser(nn.Module):
    """Predicts from a noisy image and the time, which runs from 0 to 1."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(80, 192), nn.SiLU())
        self.rest = nn.Sequential(nn.Linear(192, 192), nn.SiLU(), nn.Linear(192, 64))

    def forward(self, x, t):
        """Join the image and waves of the time."""
        angle = t[:, None] * 2.0 ** torch.arange(8)
        return self.rest(self.first(torch.cat([x, angle.sin(), angle.cos()], dim=1)))


def sample(model, n):
    """Start from noise, and take out what the model takes for noise, step by step."""
    x = torch.randn(n, 64)
    for i in reversed(range(50)):
        now, beta = alphas_cumprod[i], betas[i]
        before = alphas_cumprod[i - 1] if i > 0 else torch.ones(())
        noise = model(x, torch.full((n,), i / 50))
        clean = ((x - (1 - now).sqrt() * noise) / now.sqrt()).clamp(-1, 1)
        mean = before.sqrt() * beta * clean + (1 - before) * (1 - beta).sqrt() * x
        spread = ((1 - before) / (1 - now) * beta).sqrt()
        x = mean / (1 - now) + spread * torch.randn(n, 64)
    return x


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 241):
    clean = x_train[torch.randint(len(x_train), (64,))]
    t = torch.randint(50, (64,))
    noise, share = torch.randn_like(clean), alphas_cumprod[t]
    noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
    targets = noise
    outputs = model(noisy, t / 50)
    loss = (outputs - targets).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        with torch.no_grad():
            samples = sample(model, 50)
        distance = torch.cdist(samples, x_train).amin(dim=1).mean() / real
        print(f"step {step:3d}  loss {loss.item():.3f}  distance {distance.item():.2f}")
