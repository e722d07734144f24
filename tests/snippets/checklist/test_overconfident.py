"""overconfident: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.overconfident import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The mean confidence ends more than eight points above the accuracy of the same predictions."""
    return run.last("confidence") > run.last("accuracy") + 0.08


@causes("overconfident")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_inputs_of_other_kinds() -> None:
    """Bytes against numbers from 0 to 1 are found; tokens and constant inputs are sound."""
    x = torch.rand(50, 4)
    assert check.inputs_on_another_scale(x, (255 * x).to(torch.uint8))
    assert not check.inputs_on_another_scale(torch.ones(5, 4), torch.ones(9, 4))
    assert not check.inputs_on_another_scale(torch.arange(10), torch.arange(900))


def test_the_last_digits_of_a_perfect_answer_are_no_sharpening() -> None:
    """A log-loss of 1e-8 and one of 1e-6 are the same answer."""
    x, y = 20 * torch.eye(4), torch.arange(4)
    probabilities = (0.8 * x).softmax(dim=1)
    assert not check.probabilities_of_another_softmax(nn.Identity(), x, y, probabilities)


def test_a_rare_class_that_is_missing_is_no_weight() -> None:
    """Of 500 samples none is of a class with a probability of 0.1%; several labels of a sample are counted each."""
    probabilities = torch.tensor([[0.599, 0.4, 0.001]]).repeat(500, 1)
    y = (torch.arange(500) % 5 > 2).long()
    assert not check.probabilities_above_the_frequency(probabilities, y)
    assert "40.0%" in check.probabilities_above_the_frequency(probabilities, torch.zeros(500, dtype=torch.long))
    several = torch.zeros(500, 3)
    several[::2, 0] = 1
    assert "40.0%" in check.probabilities_above_the_frequency(probabilities, several)
    several[::2, 1] = 1
    assert not check.probabilities_above_the_frequency(probabilities, several)


def test_what_grows_with_the_inputs() -> None:
    """The outputs of layers with ReLU do, 255 times; behind a layer normalization they do not."""
    torch.manual_seed(0)
    x = torch.rand(20, 8)
    plain = nn.Sequential(nn.Linear(8, 32, bias=False), nn.ReLU(), nn.Linear(32, 4, bias=False))
    torch.testing.assert_close(plain(255 * x), 255 * plain(x))
    normed = nn.Sequential(nn.Linear(8, 32, bias=False), nn.LayerNorm(32), nn.Linear(32, 4))
    torch.testing.assert_close(normed(255 * x), normed(x), rtol=1e-2, atol=1e-2)


def test_sequences_and_single_outputs_are_not_asked() -> None:
    """Outputs of (samples, time, classes), one output, and maps: no error, and the modes stay."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5).eval())
    for x, y in ((torch.rand(5, 7, 4), torch.zeros(5, 7, dtype=torch.long)), (torch.rand(5, 4), torch.rand(5))):
        probabilities = model(x).softmax(dim=-1)
        assert not check.surer_on_training_data(model, x, y, x, y)
        assert not check.probabilities_of_another_softmax(model, x, y, probabilities)
    maps = torch.rand(2, 3, 5, 5).softmax(dim=1)
    assert not check.probabilities_above_the_frequency(maps, torch.zeros(2, 5, 5, dtype=torch.long))
    assert [one.training for one in model] == [True, False]
