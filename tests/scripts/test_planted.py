"""The suite behind the symptoms' pages: what it sees of a program, and what no check may do."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

from scripts import logs
from scripts.generate import curves, symptom
from scripts.generate.bugs import place
from tests.support import interrupted, planted

LOG = "step   0  loss 2.303  test accuracy 0.1\nstep  10  loss nan  test accuracy 0.098\nepoch over\nfinal loss 3e-05\n"


def test_log_is_read_as_numbers():
    assert list(logs.series(LOG)) == ["loss", "test accuracy"]
    assert logs.series(LOG)["test accuracy"] == [(0.0, 0.1), (10.0, 0.098)]
    assert logs.numbers(LOG, "loss")[0] == 2.303
    assert logs.numbers(LOG, "final loss") == [3e-05]


def test_run_keeps_log_names_warnings_and_error(tmp_path: Path):
    program = tmp_path / "broken_x.py"
    program.write_text(
        "import warnings\nimport torch\ntorch.set_default_dtype(torch.float64)\ntorch.manual_seed(5)\n"
        'warnings.warn("careful")\nx = 3\nopen("left", "w").close()\nprint("step 1  loss 2.0")\n[][1]\n'
    )
    state = torch.get_rng_state()
    run = planted.run(program)
    assert run.log.splitlines() == ["UserWarning: careful", "step 1  loss 2.0", "IndexError: list index out of range"]
    assert isinstance(run.error, IndexError)
    assert run.names["x"] == 3
    assert run.last("loss") == 2.0
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.get_rng_state(), state)
    assert not Path("left").exists()


def trained() -> planted.Run:
    """What a program with a model and its optimizer left behind."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return planted.Run("", {"model": model, "optimizer": optimizer, "x": torch.ones(2)}, None)


CHANGES = {
    "the weights of model": lambda model: model[0].weight.data.add_(1),
    "the gradients of model": lambda model: model.zero_grad(),
    "the mode of model": lambda model: model.eval(),
    "the hooks of model": lambda model: model[0].register_forward_hook(print),
    "what of model is trained": lambda model: model[0].requires_grad_(False),
    "the state of optimizer": lambda optimizer: optimizer.param_groups[0].update(lr=1.0),
    "torch's random state": lambda x: torch.rand(1),
    "whether gradients are recorded": lambda x: torch.set_grad_enabled(False),
    "x": lambda x: x.add_(1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_check_that_changes_something_is_caught(what):
    with pytest.raises(AssertionError, match=f"changes .*{what}"):
        planted.asked(CHANGES[what], trained())
    torch.set_grad_enabled(True)


def test_check_takes_variables_by_name():
    assert planted.asked(lambda x, model, more=None: "found" if more is None else "", trained()) == "found"
    assert planted.asked(lambda x: None, trained()) == ""
    with pytest.raises(AssertionError, match="asks for loader"):
        planted.asked(lambda loader: None, trained())


def test_what_a_check_says_of_another_program_is_told_apart():
    program = trained()
    assert planted._answer(lambda x: "found", program) == "speaks"
    assert planted._answer(lambda x: None, program) == "silent"
    assert planted._answer(lambda loader: "found", program) == "not asked"
    assert planted._answer(lambda x: [][1], program) == "IndexError"
    with pytest.raises(planted.Changed, match="changes x"):
        planted._answer(lambda x: x.add_(1), program)


def test_a_look_alike_has_what_the_check_was_given():
    def check(x, model=None):
        return None

    full, lacking = trained(), planted.Run("", {"x": torch.ones(2)}, None)
    planted._could_have_spoken(check, full, full)
    planted._could_have_spoken(check, lacking, full)
    with pytest.raises(AssertionError, match="check gets no model of the look-alike"):
        planted._could_have_spoken(check, full, lacking)


@pytest.mark.parametrize("value", [0.0, 1e38, float("inf")])
def test_a_nan_that_is_replaced_is_a_change(value):
    def check(x):
        x[x.isnan()] = value

    with pytest.raises(planted.Changed, match="changes x"):
        planted.asked(check, planted.Run("", {"x": torch.tensor([1.0, float("nan")])}, None))


def forgets(model, x):
    """Hooks and modes are as before where nothing fails."""
    hook = model[0].register_forward_hook(lambda *_: None)
    training = model.training
    model.eval()
    with contextlib.suppress(Exception):
        model(x)
    model.train(training)
    hook.remove()


def cleans_up(model, x):
    """The same, where something fails, too."""
    hook = model[0].register_forward_hook(lambda *_: None)
    training = model.training
    model.eval()
    try:
        model(x)
    finally:
        model.train(training)
        hook.remove()


def test_check_that_leaves_something_behind_where_it_is_ended_is_caught():
    names = trained().names
    asked = {"model": names["model"], "x": names["x"]}
    planted.asked(forgets, planted.Run("", names, None))
    left = interrupted.left_behind(forgets, asked, {"__file__": "program.py", **names})
    assert [one.partition(",")[0] for one in left] == ["the mode of model", "the hooks of model"]
    assert left[0].endswith("when call 1 of 3 fails")

    names = trained().names
    asked = {"model": names["model"], "x": names["x"]}
    assert not interrupted.left_behind(cleans_up, asked, {"__file__": "program.py", **names})


def test_check_is_ended_as_calls_into_the_program_return():
    calls = []

    def check(function):
        for number in range(9):
            calls.append(number)
            function()

    assert interrupted.run(check, {"function": lambda: None}, __file__, 5) == 5
    assert calls == [0, 1, 2, 3, 4]


def test_check_that_changes_something_and_raises_is_caught():
    def check(x):
        x.add_(1)
        raise ValueError

    with pytest.raises(planted.Changed, match="changes x"):
        planted.asked(check, trained())


CHECKS = '''"""Checks."""

import math

import torch
from torch import nn

LIMIT = 3


def helper(x):
    return torch.tensor(x) > LIMIT


def find(x):
    """Look."""
    return helper(x)


def other(x):
    return math.pi, nn
'''


def test_pasted_function_brings_all_that_it_needs():
    text = symptom.pasted(CHECKS, "find")
    assert "import math" not in text
    assert "nn" not in text
    names: dict[str, object] = {}
    exec(text, names)
    assert bool(names["find"](4))  # type: ignore[operator]


def test_difference_shows_the_lines_that_cure():
    assert symptom.difference("a\nb\nc\nd\ne\n", "a\nb\nC\nd\ne\n") == " b\n-c\n+C\n d"


def test_curve_says_what_it_shows():
    broken = "".join(f"step {n}  loss {2.0**n}\n" for n in range(12)) + "step 12  loss nan\n"
    drawn = curves.drawing(
        [("broken", broken), ("fixed", "step 0  loss 1.0\nstep 6  loss 0.5\nstep 12  loss 0.25\n")], "en"
    )
    assert drawn.count('class="line') == 2
    assert 'aria-label="Loss by step. broken: loss goes from 1 to nan at step 12;' in drawn
    assert "NaN from step 12" in drawn
    assert curves.drawing([("broken", "RuntimeError: no\n")], "en") == ""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/pytorch/pytorch/issues/31771", "pytorch/pytorch #31771"),
        ("https://stackoverflow.com/questions/48221692/some-title", "Stack Overflow 48221692"),
        ("https://discuss.pytorch.org/t/title/123", "discuss.pytorch.org: 123"),
    ],
)
def test_report_is_named_as_readers_know_it(address, name):
    assert place(address) == name
