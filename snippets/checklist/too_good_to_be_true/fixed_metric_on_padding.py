"""Guess the next word of short sentences."""

import torch
from torch import nn

torch.manual_seed(0)
follows = torch.randint(1, 21, (21,))


def sentences(n, longest=20):
    """Sentences of 3 to 8 words, numbered from 1, with 0 after their end."""
    words = torch.randint(1, 21, (n, longest + 1))
    for i in range(longest):
        words[:, i + 1] = torch.where(
            torch.rand(n) < 0.5, follows[words[:, i]], words[:, i + 1]
        )
    ends = torch.randint(3, 9, (n, 1))
    words[torch.arange(longest + 1) > ends] = 0
    return words[:, :-1], words[:, 1:]


(x_train, y_train), (x_val, y_val), (x_new, y_new) = (
    sentences(600),
    sentences(200),
    sentences(200),
)
model = nn.Sequential(nn.Embedding(21, 32), nn.Linear(32, 21))
loss_fn = nn.CrossEntropyLoss(ignore_index=0)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

losses = []
for epoch in range(20):
    for batch in torch.randperm(len(x_train)).split(50):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(loss.item())
    right = model(x_val).argmax(dim=-1) == y_val
    val_score = right[y_val > 0].float().mean().item()
    word = y_new > 0
    new_score = (model(x_new).argmax(dim=-1) == y_new)[word].float().mean().item()
    print(
        f"epoch {epoch:2d}  loss {losses[-1]:.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
    )
