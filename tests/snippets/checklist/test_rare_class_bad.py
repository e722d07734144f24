"""rare-class-bad: what it looks like, and every cause of it planted."""

from __future__ import annotations

import contextlib
import io

import torch
from torch import nn

from scripts import logs
from snippets.checklist.rare_class_bad import check
from tests.support.planted import Record, Run, causes, program, prove


def shows(run: Run) -> bool:
    """In the end fewer than a third of the rare class's samples are found."""
    return run.last("recall") < 0.33


@causes("rare-class-bad")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_one_logit_is_a_classifier_too() -> None:
    """The check finds a hidden threshold with one output column; a layer frozen in evaluation mode stays frozen."""
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Dropout(0.5)).train()
    model[0].eval()
    y_train = (torch.arange(200)[:, None] < 6).float()
    y_val = (torch.arange(100)[:, None] < 20).float()
    x_val = y_val - 3.0
    predictions = (x_val > 0).float()
    assert check.threshold_hides_the_class(model, x_val, y_val, y_train, predictions)
    assert model.training
    assert not model[0].training
    assert not check.threshold_hides_the_class(model, x_val, y_val, y_train, y_val)
    few = torch.cat([torch.arange(4), torch.arange(20, 100)])
    assert not check.threshold_hides_the_class(model, x_val[few], y_val[few], y_train, predictions[few])


def test_marks_of_unlabelled_places_are_no_class() -> None:
    """-100, or 255 beside 19 classes, can be no class; the number after the last class can."""
    for left_out, found in ((-100, False), (255, False), (18, True), (0, True)):
        y_train = torch.arange(19).repeat(3)
        y_train = torch.cat([y_train, torch.full((9,), left_out)])
        loss_fn = nn.CrossEntropyLoss(ignore_index=left_out)
        assert bool(check.class_ignored_by_the_loss(loss_fn, y_train)) == found
    assert not check.classes_hardly_trained(torch.arange(19).repeat(5).float(), torch.tensor([-100.0, 3.0]))


def test_longer_training_finds_some_of_the_class() -> None:
    """After 100 epochs the recall at one half is 0.6, which was 0 after 15."""
    source = program("rare-class-bad/threshold-at-half", "broken").read_text(encoding="utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), torch.random.fork_rng():
        exec(source.replace("range(15)", "range(100)"), {"__name__": "__main__"})
    assert 0.55 < logs.numbers(said.getvalue(), "recall")[-1] < 0.65
