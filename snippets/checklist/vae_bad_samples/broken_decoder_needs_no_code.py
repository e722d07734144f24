"""Learn to generate waves with a variational autoencoder."""

import torch
from torch import nn

torch.manual_seed(0)
phase = 6.283 * torch.rand(1200, 1)
x = torch.sin(phase + 0.4 * torch.arange(32)) + 0.05 * torch.randn(1200, 32)
x_train, x_test = x[:1000], x[1000:]
encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
decoder = nn.Sequential(nn.Linear(8 + 2 + 32, 64), nn.ReLU(), nn.Linear(64, 1))
position = torch.eye(32)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3)


def decode(code, earlier):
    """Predict each value from the code and the two values before it."""
    window = nn.functional.pad(earlier, (2, -1)).unfold(1, 2, 1)
    code, at = code[:, None].expand(-1, 32, -1), position.expand(len(code), -1, -1)
    return decoder(torch.cat([code, window, at], dim=2))[..., 0]


def divergence(mean, log_variance):
    """The KL divergence of each posterior from the prior."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)


def loss_fn(outputs, inputs, mean, log_variance):
    """The negative evidence lower bound."""
    error = 0.5 * (outputs - inputs).square().sum(dim=1)
    return (error + divergence(mean, log_variance)).mean()


def distance(samples):
    """How far samples and waves are from their nearest counterparts; 1 is as far as a wave is from the mean."""
    between = torch.cdist(samples, x_test)
    nearest = between.amin(dim=0).mean() + between.amin(dim=1).mean()
    return (nearest / 2 / (x_test - x_test.mean(dim=0)).norm(dim=1).mean()).item()


for step in range(1, 301):
    inputs = x_train[torch.randint(len(x_train), (64,))]
    mean, log_variance = encoder(inputs).chunk(2, dim=1)
    earlier = inputs
    code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    outputs = decode(code, earlier)
    loss = loss_fn(outputs, inputs, mean, log_variance)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            samples = torch.zeros(64, 32)
            code = torch.randn(64, 8)
            for i in range(32):
                samples[:, i] = decode(code, samples)[:, i]
            kl = divergence(mean, log_variance).mean()
        numbers = f"kl {kl.item():.3f}  distance {distance(samples):.2f}"
        print(f"step {step:3d}  loss {loss.item():.3f}  {numbers}")
