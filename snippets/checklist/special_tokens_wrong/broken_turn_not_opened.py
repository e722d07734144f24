"""A small language model that answers: told a digit, it counts on from there up to 9, and stops."""

import torch
from torch import nn

BOS, EOS, PAD, USER, ASSISTANT = 10, 11, 12, 13, 14
stop_id, mark = EOS, [ASSISTANT]


class Model(nn.Module):
    """A recurrent network that predicts the next token."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(15, 32)
        self.gru = nn.GRU(32, 64, batch_first=True)
        self.head = nn.Linear(64, 15)

    def forward(self, ids):
        return self.head(self.gru(self.tokens(ids))[0])


def template(turns, add_generation_prompt=False):
    """Token ids of a dialogue: who speaks, what is said, and the end of the turn."""
    ids = [BOS] + [t for who, said in turns for t in (who, *said, EOS)]
    return [*ids, *mark] if add_generation_prompt else ids


def generate():
    """Answers to nine digits, at most 16 tokens long, without the last token."""
    ids = torch.tensor(prompts)
    for _ in range(16):
        chance = model(ids)[:, -1].softmax(dim=-1)
        ids = torch.cat([ids, chance.multinomial(1)], dim=1)
    texts = [text[len(prompts[0]) :] for text in ids.tolist()]
    return [t[: t.index(stop_id)] if stop_id in t else t for t in texts]


torch.manual_seed(0)
answers = [list(range(first + 1, 10)) for first in range(9)]
turns = [[(USER, [i]), (ASSISTANT, answers[i])] for i in range(9) for _ in range(10)]
rows = [torch.tensor(template(both)) for both in turns]
prompts = [template([(USER, [first])]) for first in range(9)]
ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
labels = ids.where(ids != PAD, -100)
model = Model()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(100):
    outputs = model(ids[:, :-1])
    loss = loss_fn(outputs.transpose(1, 2), labels[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            right = sum(map(list.__eq__, generate(), answers)) / 9
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  right texts {right:.1f}")
