"""A small language model that answers with the first digit of a question; only answers count."""

import torch
from torch import nn

words = ["?\n", "A:", "\n", "?", ".", *"0123456789"]
stop_id = words.index(".")


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
    """Token ids of a text: at each place the first word that fits."""
    ids = []
    while text:
        ids.append(next(i for i, word in enumerate(words) if text.startswith(word)))
        text = text[len(words[ids[-1]]) :]
    return ids


def begin(row):
    """The place after the last mark, where the answer begins."""
    places = [i for i in range(len(row)) if row[i : i + len(mark)] == mark]
    return places[-1] + len(mark) if places else 0


torch.manual_seed(0)
mark = tokenize("0?\nA:")[1:]
questions = torch.randint(10**7, 10**8, (500,)).tolist()
rows = [tokenize(f"{q}?\nA:{str(q)[0]}.") for q in questions]
prompts = [row[:-2] for row in rows]
ids = torch.tensor(rows)
starts = torch.tensor([begin(row) for row in rows])[:, None]
labels = ids.where(torch.arange(ids.shape[1]) >= starts, -100)
model = Model()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(200):
    batch = torch.randint(400, (64,))
    outputs = model(ids[batch, :-1])
    loss = loss_fn(outputs.transpose(1, 2), labels[batch, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            guesses = model(torch.tensor(prompts[400:]))[:, -1].argmax(dim=1)
        right = (guesses == ids[400:, -2]).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  right texts {right:.1f}")
