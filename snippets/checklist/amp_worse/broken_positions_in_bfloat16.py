"""Copy the token before each token, late in a long text; model and inputs are bfloat16."""

import torch
from torch import nn

torch.manual_seed(0)


class Model(nn.Module):
    """Attention by position alone: each place asks for the place before it."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(8, 32)
        self.query, self.key = nn.Linear(64, 64), nn.Linear(64, 64)
        self.head = nn.Linear(32, 8)
        self.register_buffer("inv_freq", 10000 ** (-torch.arange(32) / 32))

    def positions(self, start, length):
        t = torch.arange(start, start + length).type_as(self.inv_freq)
        angles = t[:, None] * self.inv_freq
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    def forward(self, ids):
        places = self.positions(1000, ids.shape[1]).to(self.head.weight.dtype)
        scores = self.query(places) @ self.key(places).T
        return self.head(scores.softmax(dim=-1) @ self.tokens(ids))


model = Model().to(torch.bfloat16)
master = [p.detach().float().requires_grad_() for p in model.parameters()]
optimizer = torch.optim.Adam(master, lr=0.01)
loss_fn = nn.CrossEntropyLoss()
for step in range(120):
    inputs = torch.randint(8, (16, 48))
    targets = inputs.roll(1, dims=1)
    outputs = model(inputs)
    loss = loss_fn(outputs[:, 1:].float().flatten(0, 1), targets[:, 1:].flatten())
    model.zero_grad()
    loss.backward()
    for own, p in zip(master, model.parameters(), strict=True):
        own.grad = p.grad.float()
    optimizer.step()
    with torch.no_grad():
        for own, p in zip(master, model.parameters(), strict=True):
            p.copy_(own)
    if step % 10 == 9:
        right = (outputs.argmax(dim=-1) == targets)[:, 1:]
        accuracy = right.float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
