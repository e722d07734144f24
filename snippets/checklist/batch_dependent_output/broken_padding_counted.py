"""Tell in sequences of unequal length whether high or low tokens prevail, in batches of several sizes."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class Net(nn.Module):
    """A bag of embedded tokens."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, tokens):
        x = self.embedding(tokens)
        return self.out(x.mean(dim=1))


def collect(rows):
    """One batch: sequences filled up with zeros, and their labels."""
    return pad_sequence([sequences[i] for i in rows], batch_first=True), torch.tensor(
        [labels[i] for i in rows]
    )


torch.manual_seed(0)
lengths = torch.randint(3, 60, (1300,)).tolist()
sequences = [torch.randint(1, 20, (length,)) for length in lengths]
labels = [int(sequence.float().mean() > 10) for sequence in sequences]
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(200):
    inputs, targets = collect(torch.randint(1000, (64,)).tolist())
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")

model.eval()
y_test = torch.tensor(labels[1000:])
answers: dict[int, torch.Tensor] = {}
for size in (64, 32, 16, 8, 4, 2):
    with torch.no_grad():
        answers[size] = torch.cat(
            [
                model(collect(range(i, min(i + size, 1300)))[0])
                for i in range(1000, 1300, size)
            ]
        )
    accuracy = (answers[size].argmax(dim=1) == y_test).float().mean().item()
    change = (answers[size] - answers[64]).abs().max().item()
    print(f"batch size {size}  accuracy {accuracy:.3f}  largest change {change:.4f}")
