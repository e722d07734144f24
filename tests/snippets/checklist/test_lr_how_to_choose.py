"""lr-how-to-choose: what it looks like, and every cause of it planted."""

from __future__ import annotations

import contextlib
import io

import torch
from torch import nn

from scripts import logs
from snippets.checklist.lr_how_to_choose import check
from tests.support.planted import Record, Run, causes, program, prove


def shows(run: Run) -> bool:
    """After 200 updates the network still reads under 80% of its training digits."""
    return run.last("accuracy") < 0.8


@causes("lr-how-to-choose")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_hundredth_of_the_learning_rate_trains_on_bytes() -> None:
    """The broken program learns at 0.001, and neither at its 0.1 nor at a ten-thousandth of that."""
    source = program("lr-how-to-choose/inputs-far-from-one", "broken").read_text(encoding="utf-8")
    for rate, trains in (("1e-3", True), ("1e-5", False)):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), torch.random.fork_rng():
            exec(source.replace("lr=0.1", f"lr={rate}"), {"__name__": "__main__"})
        assert (logs.numbers(said.getvalue(), "accuracy")[-1] > 0.9) == trains


def test_token_ids_have_no_size_and_frozen_modules_stay_so() -> None:
    """Ids are looked up, not multiplied; and the mode of each module is its own."""
    assert not check.inputs_far_from_one(torch.randint(0, 30_000, (8, 20)))
    assert "multiplied" in check.inputs_far_from_one(torch.rand(8, 20) / 255)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4).eval(), nn.Linear(4, 3))
    batch = torch.randn(8, 4), torch.randint(0, 3, (8,))
    assert check.loss_that_grows_with_the_batch(model, nn.CrossEntropyLoss(reduction="sum"), *batch)
    assert [module.training for module in model] == [True, False, True]
