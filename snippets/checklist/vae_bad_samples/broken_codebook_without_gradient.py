"""Learn to generate waves with a vector-quantized autoencoder, which has a book of 32 codes."""

import torch
from torch import nn

torch.manual_seed(0)
phase = 6.283 * torch.rand(1200, 1)
x = torch.sin(phase + 0.4 * torch.arange(32)) + 0.05 * torch.randn(1200, 32)
x_train, x_test = x[:1000], x[1000:]
encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))
decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 32))
codebook = nn.Embedding(32, 8)
nn.init.uniform_(codebook.weight, -0.5, 0.5)
model = nn.ModuleList([encoder, codebook, decoder])
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
mse = nn.functional.mse_loss


def quantize(h):
    """The nearest codes, what they cost, and their numbers."""
    index = torch.cdist(h, codebook.weight).argmin(dim=1)
    code = codebook(index)
    code = h + (code - h).detach()
    cost = mse(code, h.detach()) + 0.25 * mse(h, code.detach())
    return code, cost, index


def distance(samples):
    """How far samples and waves are from their nearest counterparts; 1 is as far as a wave is from the mean."""
    between = torch.cdist(samples, x_test)
    nearest = between.amin(dim=0).mean() + between.amin(dim=1).mean()
    return (nearest / 2 / (x_test - x_test.mean(dim=0)).norm(dim=1).mean()).item()


for step in range(1, 301):
    inputs = x_train[torch.randint(len(x_train), (64,))]
    code, cost, index = quantize(encoder(inputs))
    outputs = decoder(code)
    loss = mse(outputs, inputs) + cost
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        with torch.no_grad():
            used = quantize(encoder(x_train))[2].unique()
            samples = decoder(codebook(used))
        print(
            f"step {step:3d}  loss {loss.item():.3f}  codes {len(used)}  distance {distance(samples):.2f}"
        )
