"""error-shape-mismatch: what it looks like, and every cause of it planted."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from snippets.checklist.error_shape_mismatch import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, program, prove, run

SYMPTOM = "error-shape-mismatch"


def shows(run: Run) -> bool:
    """An error ends it, with one of the page's texts."""
    return run.error is not None and bool(said(SYMPTOM, run))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_channels_are_told_from_widths() -> None:
    """A width that equals in_channels is no axis of channels; sequences, one image, and grey images without an axis."""
    deep = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(8, 4, 3))
    images = torch.randn(6, 1, 8, 8)
    assert not check.channels_at_the_end(deep, images)
    assert "gets 16" in check.number_of_channels(deep, images)
    assert "permute(0, 2, 1)" in check.channels_at_the_end(nn.Conv1d(3, 4, 3), torch.randn(6, 20, 3))
    assert "permute(2, 0, 1)" in check.channels_at_the_end(nn.Conv2d(3, 4, 3), torch.randn(20, 24, 3))
    assert "unsqueeze(1)" in check.channels_at_the_end(nn.Conv2d(1, 4, 3), torch.randn(6, 8, 8))
    assert not check.number_of_channels(nn.Conv2d(1, 4, 3), torch.randn(6, 8, 8, 3))


def test_a_linear_layer_is_not_to_be_made_for_rows_of_a_wrong_view() -> None:
    """Rows that are more than the samples come of a view; a layer that is called by keywords is no obstacle."""
    cut = nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Flatten(0, 1), nn.Linear(8, 3))
    assert not check.linear_layer_with_other_size(cut, torch.randn(6, 8))

    class ByName(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(input=x)

    assert check.run_until_error(ByName(), torch.randn(6, 8))[0] is None


def test_rows_are_compared_with_targets_and_only_of_tensors() -> None:
    """Tokens that become samples with their targets, and a model that returns a pair, are sound."""
    tokens = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(0, 1), nn.Linear(4, 9))
    inputs = torch.randint(9, (6, 5))
    assert not check.batch_that_changed_its_size(tokens, inputs, inputs.flatten())
    assert check.batch_that_changed_its_size(tokens, inputs, inputs[:, 0])
    assert not check.batch_that_changed_its_size(nn.GRU(3, 4, batch_first=True), torch.randn(6, 5, 3), torch.zeros(6))


def test_labels_in_their_shapes() -> None:
    """Columns of floats, masks of pixels and one-hot rows are found; real targets and ignored labels are sound."""
    outputs = torch.randn(6, 4)
    column = torch.randint(4, (6, 1))
    assert check.labels_with_an_axis_too_many(outputs, column.float())
    assert check.labels_with_an_axis_too_many(torch.randn(2, 4, 5, 5), torch.zeros(2, 1, 5, 5, dtype=torch.long))
    assert "argmax" in check.labels_with_an_axis_too_many(outputs, torch.eye(4, dtype=torch.long)[column[:, 0]])
    assert not check.labels_with_an_axis_too_many(outputs, torch.randn(6, 1))
    assert not check.labels_outside_the_outputs(outputs, torch.full((6,), -100))
    assert not check.labels_outside_the_outputs(torch.randn(6, 1), torch.ones(6, dtype=torch.long))
    assert not check.labels_outside_the_outputs(torch.randn(2, 5, 40), torch.full((2, 5), 39))
    assert check.labels_outside_the_outputs(torch.randn(2, 5, 40), torch.full((2, 5), 40))
    assert "squeeze(1)" not in check.target_of_other_shape(torch.randn(6, 4), torch.randn(6, 1, 2, 2))


def test_each_halving_is_looked_at() -> None:
    """6 pixels survive one halving, and not two; an error between channels is another one."""

    class Net(nn.Module):
        def __init__(self, *inner: nn.Module) -> None:
            super().__init__()
            self.inner = nn.Sequential(*inner)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.inner(x)

    pool, up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
    assert "[3, 3]" in check.size_that_halving_lost(Net(pool, pool, up, up), torch.randn(2, 2, 6, 6))
    assert not check.size_that_halving_lost(Net(pool, pool, up, up), torch.randn(2, 2, 8, 8))
    other = Net(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.Upsample(7))
    assert not check.size_that_halving_lost(other, torch.randn(2, 2, 7, 7))
    assert check.size_that_halving_lost(Net(nn.MaxPool1d(2), up), torch.randn(2, 3, 7))


def test_samples_of_all_kinds() -> None:
    """Labels of other lengths and samples by name are compared; with batches of one nothing is stacked."""
    boxes = [(torch.zeros(3), torch.zeros(number + 1, 4)) for number in range(4)]
    named = [{"x": torch.zeros(number + 1), "id": "a"} for number in range(4)]
    assert check.samples_of_different_shapes(DataLoader(boxes, batch_size=2))
    assert check.samples_of_different_shapes(DataLoader(named, batch_size=2))
    assert not check.samples_of_different_shapes(DataLoader(boxes, batch_size=1))


def test_numbers_and_tables_in_other_shapes() -> None:
    """Found: n, -1, a late token, a bag, a call by keyword. Silent: all numbers inside, an empty batch, no table."""
    table, bag = nn.Embedding(10, 4), nn.EmbeddingBag(10, 4)

    class ByName(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = table

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.table(input=x)

    for model in (table, bag, ByName(), nn.Sequential(table, nn.Flatten())):
        assert "from 3 to 10" in check.numbers_outside_a_table(model, torch.tensor([[3, 10]]))
        assert "from -1 to 3" in check.numbers_outside_a_table(model, torch.tensor([[3, -1]]))
        assert not check.numbers_outside_a_table(model, torch.tensor([[0, 9]]))
    assert not check.numbers_outside_a_table(table, torch.zeros(0, 2, dtype=torch.long))
    assert not check.numbers_outside_a_table(nn.Linear(4, 2), torch.randn(3, 4))


def test_large_tables_hide_the_order(tmp_path: Path) -> None:
    """With all tables as large as the largest, the broken program runs; an order that fits the first passes it."""
    text = program(f"{SYMPTOM}/number-outside-the-table", "broken").read_text(encoding="utf-8")
    assert text.count("nn.Embedding(columns[c], 8)") == 1
    path = tmp_path / "largest.py"
    path.write_text(text.replace("columns[c], 8", "120, 8"), encoding="utf-8")
    large = run(path)
    assert large.error is None
    assert not check.numbers_outside_a_table(large.names["model"], large.names["inputs"])
    broken = run(program(f"{SYMPTOM}/number-outside-the-table", "broken"))
    found = check.numbers_outside_a_table(broken.names["model"], broken.names["inputs"])
    assert "tables.2 has 7 rows" in found
