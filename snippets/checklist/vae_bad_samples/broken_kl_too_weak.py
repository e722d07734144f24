"""Learn to generate waves with a variational autoencoder."""

import torch
from torch import nn

torch.manual_seed(0)
phase = 6.283 * torch.rand(1200, 1)
x = torch.sin(phase + 0.4 * torch.arange(32)) + 0.05 * torch.randn(1200, 32)
x_train, x_test = x[:1000], x[1000:]
encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 32))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3)


def reparameterize(mean, log_variance):
    """Draw a code from the posterior."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def divergence(mean, log_variance):
    """The KL divergence of each posterior from the prior."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)


def loss_fn(outputs, inputs, mean, log_variance):
    """The negative evidence lower bound."""
    error = 0.5 * (outputs - inputs).square().sum(dim=1)
    return (error + 0.00025 * divergence(mean, log_variance)).mean()


def distance(samples):
    """How far samples and waves are from their nearest counterparts; 1 is as far as a wave is from the mean."""
    between = torch.cdist(samples, x_test)
    nearest = between.amin(dim=0).mean() + between.amin(dim=1).mean()
    return (nearest / 2 / (x_test - x_test.mean(dim=0)).norm(dim=1).mean()).item()


for step in range(1, 301):
    inputs = x_train[torch.randint(len(x_train), (64,))]
    mean, log_variance = encoder(inputs).chunk(2, dim=1)
    outputs = decoder(reparameterize(mean, log_variance))
    loss = loss_fn(outputs, inputs, mean, log_variance)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        with torch.no_grad():
            samples = decoder(torch.randn(200, 8))
            kl = divergence(mean, log_variance).mean()
        numbers = f"kl {kl.item():.3f}  distance {distance(samples):.2f}"
        print(f"step {step:3d}  loss {loss.item():.3f}  {numbers}")
