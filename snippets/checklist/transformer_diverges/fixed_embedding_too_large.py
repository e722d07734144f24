"""Predict the next of ten signs, each of which has its own successor."""

import torch
from torch import nn

torch.manual_seed(0)
successor = torch.randperm(10)
x_train = torch.randint(10, (256, 13))
for t in range(1, 13):
    follows = torch.rand(256) < 0.9
    x_train[:, t] = torch.where(follows, successor[x_train[:, t - 1]], x_train[:, t])


class Writer(nn.Module):
    """A Transformer layer; the head shares the weights of the embedding."""

    def __init__(self, width=128):
        super().__init__()
        self.token = nn.Embedding(10, width)
        self.layer = nn.TransformerEncoderLayer(
            width, 2, width, dropout=0.0, batch_first=True, norm_first=True
        )
        nn.init.normal_(self.token.weight, std=0.02)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10, bias=False)
        self.head.weight = self.token.weight

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        x = self.layer(self.token(tokens), src_mask=mask, is_causal=True)
        return self.head(self.norm(x))


model = Writer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.0005)
losses, rates = [], []
for step in range(1, 41):
    batch = x_train[torch.randint(len(x_train), (32,))]
    inputs, targets = batch[:, :-1], batch[:, 1:]
    outputs = model(inputs)
    loss = loss_fn(outputs.flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    rates.append(optimizer.param_groups[0]["lr"])
    if step % 4 == 0:
        print(f"step {step:3d}  loss {sum(losses[-4:]) / 4:.3f}")
