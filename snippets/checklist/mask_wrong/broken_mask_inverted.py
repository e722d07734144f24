"""Write sequences in which each number is the sum of the two before it, modulo 5."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
data = torch.randint(5, (512, 9))
for t in range(2, 9):
    data[:, t] = (data[:, t - 1] + data[:, t - 2]) % 5


class Writer(nn.Module):
    """One Transformer block over tokens and their places."""

    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(6, 32), nn.Embedding(64, 32)
        self.attend = nn.Linear(32, 96)
        self.mix = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32))
        self.head = nn.Linear(32, 6)

    def forward(self, tokens):
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        q, k, v = self.attend(x).chunk(3, dim=-1)
        mask = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu()
        x = x + functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.head(x + self.mix(x))


@torch.no_grad()
def generate(prompts, length):
    """Append the likeliest token, again and again."""
    for _ in range(length):
        token = model(prompts)[:, -1:].argmax(dim=-1)
        prompts = torch.cat([prompts, token], dim=1)
    return prompts


model = Writer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
prompts, right = data[:100, :2], data[:100, 2:8]
for step in range(1, 161):
    batch = data[torch.randint(len(data), (32,))]
    inputs, targets = batch[:, :-1], batch[:, 1:]
    outputs = model(inputs)
    loss = loss_fn(outputs.flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        written = (generate(prompts, 6)[:, 2:] == right).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.3f}  written {written:.2f}")
