"""Tell rising sequences from falling ones."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(0)
dataset = []
for number in range(256):
    length = int(torch.randint(5, 12, ()))
    slope = 1.0 if number % 2 else -1.0
    dataset.append((slope * torch.arange(length) + torch.randn(length), number % 2))


def pad(batch):
    """Sequences of one length, filled up with zeros, and their labels."""
    sequences, labels = zip(*batch, strict=True)
    return pad_sequence(sequences, batch_first=True), torch.tensor(labels)


train_loader = DataLoader(dataset, batch_size=64, shuffle=True, collate_fn=pad)
model = nn.GRU(input_size=1, hidden_size=16, batch_first=True)
head = nn.Linear(16, 2)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=1e-2)

for epoch in range(3):
    for inputs, targets in train_loader:
        states, _ = model(inputs.unsqueeze(-1))
        loss = loss_fn(head(states.mean(dim=1)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}  loss {loss.item():.3f}")
