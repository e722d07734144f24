"""Read the letters in a made signal of 20 steps, by CTC."""

import torch
from torch import nn

torch.manual_seed(0)
patterns = torch.randn(4, 6)
x, letters = torch.randn(600, 6, 20) / 2, torch.randint(4, (600, 5))
lengths = torch.randint(3, 6, (600,))
for signal, text, length in zip(x, letters, lengths.tolist(), strict=True):
    for place, letter in enumerate(text[:length].tolist()):
        start = 4 * place + int(torch.randint(2, ()))
        signal[:, start : start + 3] += patterns[letter, :, None]
y = letters + 1
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]
model = nn.Sequential(nn.Conv1d(6, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 5, 1))
loss_fn = nn.CTCLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def read(outputs):
    """The best number at each step, without repeats and blanks."""
    rows = outputs.argmax(dim=2).T
    return [[n for n in row.unique_consecutive().tolist() if n] for row in rows]


losses = []
for step in range(1, 121):
    batch = torch.randint(len(x_train), (32,))
    inputs, targets, target_lengths = x_train[batch], y_train[batch], lengths[batch]
    outputs = model(inputs).permute(2, 0, 1).log_softmax(dim=2)
    input_lengths = torch.full((len(batch),), len(outputs))
    loss = loss_fn(outputs, targets, input_lengths, target_lengths)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        with torch.no_grad():
            found = model(x_test).permute(2, 0, 1)
        blanks = (found.argmax(dim=2) == 0).float().mean().item()
        texts = [y[:n].tolist() for y, n in zip(y_test, lengths[500:], strict=True)]
        right = sum(a == b for a, b in zip(read(found), texts, strict=True)) / 100
        print(f"step {step:3d}  loss {loss:.3f}  blank {blanks:.2f}  right {right:.2f}")
