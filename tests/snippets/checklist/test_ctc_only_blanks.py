"""ctc-only-blanks: what it looks like, and every cause of it planted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from snippets.checklist.ctc_only_blanks import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """Fewer than 40% of the test texts are read without an error; the cures read more than half of them."""
    return run.last("right") < 0.4


@causes("ctc-only-blanks")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def other(batch: int = 8, steps: int = 30) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities of an untrained recurrent network for 11 numbers, texts, and the lengths of both."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hidden, _ = nn.GRU(3, 8, bidirectional=True)(torch.randn(steps, batch, 3))
        outputs = nn.Linear(16, 11)(hidden).log_softmax(dim=-1)
        target_lengths = torch.randint(2, 9, (batch,))
        texts = torch.randint(1, 11, (batch, 8))
    texts[torch.arange(8) >= target_lengths[:, None]] = 0
    return outputs, texts, torch.full((batch,), steps), target_lengths


def test_probabilities_in_other_shapes() -> None:
    """Probabilities, and a softmax over another dimension, are found; log-probabilities, in half precision, are not."""
    outputs, *_ = other()
    assert "they are probabilities" in check.not_log_probabilities(outputs.exp())
    assert "not to 1" in check.not_log_probabilities(outputs.log_softmax(dim=0))
    assert "not to 1" in check.not_log_probabilities(outputs + 1)
    assert check.not_log_probabilities(outputs) is None
    assert check.not_log_probabilities(outputs.bfloat16()) is None
    flat = torch.zeros(9, 2, 40000).log_softmax(dim=-1)
    assert check.not_log_probabilities(flat.bfloat16()) is None
    parts = [outputs[: 30 - 3 * n, n] for n in range(8)]
    padded, lengths = nn.utils.rnn.pad_sequence(parts), [len(part) for part in parts]
    assert check.not_log_probabilities(padded, lengths) is None
    assert check.not_log_probabilities(padded, torch.tensor(lengths)) is None
    assert "not to 1" in check.not_log_probabilities(padded + 1, lengths)


def test_blank_in_other_shapes() -> None:
    """The last number as blank, joined texts, and counted padding are found; padding behind a text is not."""
    _, texts, _, lengths = other()
    joined = torch.cat([row[:n] for row, n in zip(texts, lengths.tolist(), strict=True)])
    assert check.blank_in_the_texts(texts, lengths) is None
    assert check.blank_in_the_texts(joined, lengths) is None
    assert check.blank_in_the_texts(joined - 1, lengths, blank=10) is None
    assert "are 10, which is the blank" in check.blank_in_the_texts(joined, lengths.tolist(), blank=10)
    assert "target_lengths count padding" in check.blank_in_the_texts(texts, torch.full((8,), 8))


def test_short_outputs_in_other_shapes() -> None:
    """The check names the texts of which torch's loss is infinite, and no others, also where only some are."""
    outputs, texts, steps, lengths = other()
    texts[0, 1] = texts[0, 0]
    for available in range(1, 12):
        steps[:] = available
        losses = functional.ctc_loss(outputs, texts, steps, lengths, reduction="none")
        found, wrong = check.texts_that_do_not_fit(texts, lengths, steps), int(losses.isinf().sum())
        assert found.startswith(f"{wrong} of 8 texts") if wrong else found is None
    joined = torch.cat([row[:n] for row, n in zip(texts, lengths.tolist(), strict=True)])
    assert check.texts_that_do_not_fit(joined, lengths, [2] * 8) == check.texts_that_do_not_fit(texts, lengths, [2] * 8)


def test_blank_phase_in_other_shapes() -> None:
    """Only blanks under a falling loss are found; not under a loss that stands, nor where letters are read."""
    outputs, _, _, lengths = other()
    falling = [5 * 0.98**step for step in range(100)]
    for blank in (0, 10):
        empty = outputs.detach().clone()
        empty[..., blank] += 20
        assert check.still_in_the_blank_phase(empty, falling, lengths, blank).startswith("0 letters are read")
        assert "if the other checks are silent" in check.still_in_the_blank_phase(empty, falling, lengths, blank)
        for losses in ([1.5] * 100, [5 - 0.1 * step for step in range(100)], [torch.nan] * 100):
            assert check.still_in_the_blank_phase(empty, losses, lengths, blank) is None
    assert check.still_in_the_blank_phase(outputs, falling, lengths) is None
    assert check.still_in_the_blank_phase(outputs, [2.0], lengths) is None


def trained(cause: str, old: str, new: str) -> Run:
    """The broken program of a cause with one more change, run."""
    text = program(f"ctc-only-blanks/{cause}", "broken").read_text(encoding="utf-8")
    assert text.count(old) == 1
    lines: list[str] = []
    names: dict[str, Any] = {"print": lines.append}
    with torch.random.fork_rng():
        exec(text.replace(old, new), names)
    return Run("\n".join(lines), names, None)


def test_one_text_alone() -> None:
    """Outputs of shape (steps, numbers) and lengths without a dimension, which torch takes, are taken too."""
    outputs, text = torch.zeros(4, 5).log_softmax(dim=1), torch.tensor([1, 2, 2])
    steps, length = torch.tensor(4), torch.tensor(3)
    assert functional.ctc_loss(outputs, text, steps, length).isfinite()
    assert check.not_log_probabilities(outputs, steps) is None
    assert check.blank_in_the_texts(text, length) is None
    assert check.texts_that_do_not_fit(text, length, steps) is None
    assert check.texts_that_do_not_fit(text, length, steps - 1)
    assert check.still_in_the_blank_phase(outputs, [5 * 0.98**n for n in range(100)], length)


def test_blank_phase() -> None:
    """Blanks of the cured run: above 0.9 from step 15 to 40, 0.5 to 0.7 at the end; its loss stands from 10 to 20."""
    cured = run(program("ctc-only-blanks/not-log-probabilities", "fixed"))
    blank, loss = cured.series("blank"), cured.series("loss")
    assert max(loss[1:4]) - min(loss[1:4]) < 0.05
    assert min(blank[2:8]) > 0.9
    assert 0.5 < blank[-1] < 0.7


def test_softmax_stays_negative() -> None:
    """With softmax in place of log_softmax the loss is about -5 after 120 steps, and hardly a text is read."""
    outcome = trained(
        "not-log-probabilities", ".permute(2, 0, 1)\n    input", ".permute(2, 0, 1).softmax(2)\n    input"
    )
    assert -6 < outcome.last("loss") < -4
    assert outcome.last("right") < 0.05


def test_hidden_by_zero_infinity() -> None:
    """zero_infinity=True makes the loss finite and small in the broken run; fewer than 25% of the texts are read."""
    outcome = trained("output-shorter-than-text", "CTCLoss()", "CTCLoss(zero_infinity=True)")
    assert outcome.last("loss") < 0.5
    assert outcome.last("right") < 0.25


def test_lengths_needed() -> None:
    """A text needs one step for a letter and one more for each pair of equal neighbours; with fewer the loss is inf."""
    outputs = torch.zeros(9, 1, 5).log_softmax(dim=2)
    for text, needed in (([1, 2, 3], 3), ([1, 1, 2], 4), ([2, 2, 2], 5)):
        for steps in range(1, 10):
            loss = functional.ctc_loss(outputs, torch.tensor([text]), torch.tensor([steps]), torch.tensor([3]))
            assert loss.isfinite() == (steps >= needed)


def test_raw_outputs_have_no_limit() -> None:
    """Adding 1 to every raw output makes the CTC loss (reduction sum) smaller by the number of steps."""
    outputs, texts, steps, lengths = other()
    losses = [functional.ctc_loss(o, texts, steps, lengths, reduction="sum") for o in (outputs, outputs + 1)]
    assert torch.allclose(losses[0] - losses[1], torch.tensor(30.0 * 8), rtol=1e-4)


def test_argmax_of_nan() -> None:
    """The argmax of outputs that are all NaN is 0, which is torch's default blank."""
    assert int(torch.full((5,), torch.nan).argmax()) == nn.CTCLoss().blank == 0
