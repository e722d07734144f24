"""A small language model that counts: it begins somewhere, goes up to 9, and stops."""

import torch
from torch import nn

BOS, EOS, PAD = 10, 11, 12
stop_id = EOS


class Model(nn.Module):
    """A recurrent network that predicts the next token."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(15, 32)
        self.gru = nn.GRU(32, 64, batch_first=True)
        self.head = nn.Linear(64, 15)

    def forward(self, ids):
        return self.head(self.gru(self.tokens(ids))[0])


def tokenize(text):
    """Token ids of a list of digits."""
    return [BOS, *text, EOS]


def generate():
    """Ten texts at most 16 tokens long, without first and last token."""
    ids = torch.full((10, 1), BOS)
    for _ in range(16):
        chance = model(ids)[:, -1].softmax(dim=-1)
        ids = torch.cat([ids, chance.multinomial(1)], dim=1)
    texts = [text[1:] for text in ids.tolist()]
    return [t[: t.index(stop_id)] if stop_id in t else t for t in texts]


torch.manual_seed(0)
texts = [list(range(first, 10)) for first in range(10) for _ in range(10)]
prompts = texts
rows = [torch.tensor(tokenize(prompt)) for prompt in prompts]
ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
labels = ids.clone()
labels[labels == PAD] = -100
model = Model()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(60):
    outputs = model(ids[:, :-1])
    loss = loss_fn(outputs.transpose(1, 2), labels[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        with torch.no_grad():
            right = sum(text in texts for text in generate()) / 10
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  right texts {right:.1f}")
