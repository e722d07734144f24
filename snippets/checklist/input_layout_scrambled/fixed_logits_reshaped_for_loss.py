"""Ten letters, each with a place: answer with the letter that stands there."""

import torch
from torch import nn


class Attention(nn.Module):
    """Self-attention with four heads."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        n, t, width = x.shape
        qkv = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(*qkv)  # (n, heads, t, ·)
        return self.out(mixed.transpose(1, 2).reshape(n, t, width))


torch.manual_seed(0)
length, letters, width = 10, 12, 32
tokens = nn.Embedding(letters, width)
places, asked = nn.Embedding(length, width), nn.Embedding(length, width)
attention = Attention(width)
head = nn.Linear(width, letters)
model = nn.ModuleList([tokens, places, asked, attention, head])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.CrossEntropyLoss()

for step in range(150):
    inputs = torch.randint(letters, (32, length))
    wanted = torch.randint(length, (32, length))
    targets = inputs.gather(1, wanted)
    hidden = tokens(inputs) + places(torch.arange(length)) + asked(wanted)
    outputs = head(attention(hidden))  # (sample, place, letter)
    loss = loss_fn(outputs.transpose(1, 2), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        accuracy = (outputs.argmax(-1) == targets).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
