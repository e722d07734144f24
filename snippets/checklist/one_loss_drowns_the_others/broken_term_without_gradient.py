"""Train a student on labels by a crowd that guesses a lot, and on the softened outputs of a teacher."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_test, y_test = x[1400:], y[1400:]
teacher = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(teacher.parameters(), lr=0.01)
for _ in range(100):
    optimizer.zero_grad()
    functional.cross_entropy(teacher(x[:700]), y[:700]).backward()
    optimizer.step()

x_train = x[700:1400]
guessed = torch.rand(700) < 0.8
y_train = torch.where(guessed, torch.randint(10, (700,)), y[700:1400])
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
temperature = 8.0


def soft_loss(outputs, teacher_outputs, temperature):
    """How far the student's softened distribution is from the teacher's."""
    student = (outputs / temperature).log_softmax(dim=1)
    wanted = (teacher_outputs / temperature).softmax(dim=1)
    return functional.kl_div(student, wanted, reduction="batchmean") * temperature**2


def terms(model, inputs, targets):
    """The losses from the labels and from the teacher."""
    with torch.no_grad():
        teacher_outputs, outputs = teacher(inputs), model(inputs)
    hard = functional.cross_entropy(model(inputs), targets)
    return {
        "hard": 0.5 * hard,
        "soft": 0.5 * soft_loss(outputs, teacher_outputs, temperature),
    }


for step in range(1, 201):
    batch = torch.randint(700, (64,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = sum(terms(model, inputs, targets).values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            teacher_outputs, outputs = teacher(inputs), model(inputs)
            hits = model(x_test).argmax(dim=1) == y_test
        print(f"step {step:3d}  accuracy {hits.float().mean().item():.3f}")
