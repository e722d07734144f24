"""Learn a value for each word of a text; a few words are frequent, most are rare."""

import torch
from torch import nn

torch.manual_seed(0)
words = 2000
frequency = 1 / torch.arange(1, words + 1)
x_train = torch.multinomial(frequency, 20000, replacement=True)
value = torch.randn(words, 1)
y_train = value[x_train]
model = nn.Embedding(words, 1)
nn.init.zeros_(model.weight)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

seen = torch.unique(x_train)
losses = []
for step in range(601):
    if step % 20 == 0:
        with torch.no_grad():
            losses.append(loss_fn(model(seen), value[seen]).item())
        print(f"step {step:3d}  loss {losses[-1]:.3f}")
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
