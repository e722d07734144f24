"""finetune-destroys-features: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.finetune_destroys_features import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The accuracy of the pre-trained network, on the first line, is lost by over a tenth at the end."""
    accuracies = run.series("accuracy")
    return accuracies[-1] < accuracies[0] - 0.1


@causes("finetune-destroys-features")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_token_ids_and_dark_images_are_no_inputs_of_another_scale() -> None:
    """Ids are no numbers, dark images have a low mean; bytes and values from 0 to 1 are another scale."""
    torch.manual_seed(0)
    assert not check.inputs_of_another_scale(torch.randint(30000, (8, 16)))
    assert not check.inputs_of_another_scale(torch.randn(8, 16) * 0.8 - 1)
    assert check.inputs_of_another_scale(torch.rand(8, 16))
    assert check.inputs_of_another_scale(torch.randint(256, (8, 16), dtype=torch.uint8))


def test_zeros_and_small_tables_may_move() -> None:
    """The last weights of a branch start at zero, a scale of few numbers moves far; a large matrix may not."""
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Embedding(2, 8))
    nn.init.zeros_(model[1].weight)  # type: ignore[arg-type]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model[1].weight.add_(0.01)  # type: ignore[operator]
        model[2].weight.mul_(2)  # type: ignore[operator]
    assert not check.weights_that_left_their_place(model, before)
    with torch.no_grad():
        model[0].weight.mul_(2)  # type: ignore[operator]
    assert "0.weight" in check.weights_that_left_their_place(model, before)


def test_statistics_of_trained_layers_may_move() -> None:
    """The same means have moved; only those of frozen layers are a fault, also without weights of their own."""
    for norm in (nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False)):
        model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), norm), nn.Linear(4, 2))
        before = {name: value.clone() for name, value in model.state_dict().items()}
        norm.running_mean = torch.ones(4)
        assert not check.statistics_that_moved(model, before)
        model[0].requires_grad_(False)
        assert check.statistics_that_moved(model, before)


def test_only_labels_of_classes_are_counted() -> None:
    """Tokens, several labels and numbers are none; ignored samples are no class."""
    outputs = torch.zeros(8, 10)
    assert not check.classes_without_samples(torch.zeros(8, 16, 10), torch.zeros(8, 16, dtype=torch.long))
    assert not check.classes_without_samples(outputs, torch.rand(8, 10))
    labels = torch.arange(-4, 8)
    assert not check.classes_without_samples(outputs, labels)
    assert "3 of 10" in check.classes_without_samples(outputs, labels[:-1])
