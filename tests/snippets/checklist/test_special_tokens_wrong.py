"""special-tokens-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch

from snippets.checklist.special_tokens_wrong import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The loss falls, and fewer than half of the generated texts are texts of the language."""
    return run.last("loss") < run.series("loss")[0] and run.last("right texts") < 0.5


@causes("special-tokens-wrong")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_several_stop_tokens() -> None:
    """One of them is enough, in the targets and at the end; texts without any target are left out."""
    ids = torch.tensor([[1, 5, 6, 8], [1, 7, 5, 8], [1, 7, 7, 7]])
    labels = torch.tensor([[-100, 5, 6, 8], [-100, 7, 5, 8], [-100] * 4])
    assert not check.stop_token_masked(ids, labels, [8, 9])
    assert not check.texts_that_end_otherwise(ids, labels, [8, 9])
    assert "100% of the texts end with 8" in check.texts_that_end_otherwise(ids, labels, [3, 9])
    labels[labels == 8] = -100
    assert check.stop_token_masked(ids, labels, [8, 9])


BOS, HEAD, HEADED, EOT, LINE, USER, ANSWER, SYSTEM, PAD = range(100, 109)
Said = list[tuple[int, list[int]]]


def headers(dialogue: Said, opened: bool) -> list[int]:
    """A template with a begin token, and a header of four tokens before each turn."""
    ids = [BOS] + [t for who, said in dialogue for t in (HEAD, who, HEADED, LINE, *said, EOT)]
    return [*ids, HEAD, ANSWER, HEADED, LINE] if opened else ids


def lines(dialogue: Said, opened: bool) -> list[int]:
    """A template whose headers and turns end with a new line."""
    ids = [t for who, said in dialogue for t in (HEAD, who, LINE, *said, EOT, LINE)]
    return [*ids, HEAD, ANSWER, LINE] if opened else ids


def marks(dialogue: Said, opened: bool) -> list[int]:
    """A template with one token before each turn, and no other for who answers."""
    ids = [t for who, said in dialogue for t in (HEAD, who, *said, EOT)]
    return [*ids, HEAD, ANSWER] if opened else ids


@pytest.mark.parametrize("template", [headers, lines, marks])
@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("side", ["left", "right", "end token"])
def test_templates_of_other_kinds(template: type[headers], turns: int, side: str) -> None:
    """Prompts without the words that begin an answer are found, with them they are not, however texts are padded."""
    chance = torch.Generator().manual_seed(0)

    def said() -> list[int]:
        return torch.randint(50, (int(torch.randint(3, 9, (1,), generator=chance)),), generator=chance).tolist()

    def dialogue() -> Said:
        return [(SYSTEM, [7, 7]), *((who, said()) for _ in range(turns) for who in (USER, ANSWER))]

    texts = [template(dialogue(), False) for _ in range(16)]
    longest, pad = max(map(len, texts)), EOT if side == "end token" else PAD
    pads = [[pad] * (longest - len(text)) for text in texts]
    both = zip(pads, texts, strict=True)
    ids = torch.tensor([some + text if side == "left" else text + some for some, text in both])
    questions = [dialogue()[:-1] for _ in range(5)]
    for opened in (False, True):
        prompts = [template(question, opened) for question in questions]
        says = check.prompts_that_stop_early(ids, prompts, [EOT, BOS])
        assert bool(says) is not opened
        assert opened or f"times {HEAD} follows" in says
        assert not check.prompts_that_stop_early(ids, prompts[:1], EOT)
    assert not check.prompts_that_stop_early(ids, [[*template(q, True), 3] for q in questions], EOT)  # begun for it


def test_prompts_of_a_model_that_goes_on_writing() -> None:
    """Beginnings of texts, whole texts, and a begin token alone are no prompts that lack something."""
    torch.manual_seed(0)
    ids = torch.cat([torch.full((16, 1), BOS), torch.randint(50, (16, 20)), torch.full((16, 1), EOT)], dim=1)
    assert not check.prompts_that_stop_early(ids, ids[:5, :4], EOT)
    assert not check.prompts_that_stop_early(ids, [[BOS]] * 5, EOT)
    ids[:, -2] = 33
    assert not check.prompts_that_stop_early(ids, ids[:, :-1].tolist(), EOT)


def test_ids_depend_on_neighbours() -> None:
    """The tokenizer of the planted program joins a mark's first character with the one before; alone it can't."""
    tokenize = run(program("special-tokens-wrong/answer-mark-not-found", "fixed")).names["tokenize"]
    alone, text = tokenize("\nA:"), tokenize("12?\nA:1.")
    assert not any(text[i : i + len(alone)] == alone for i in range(len(text)))
    joined = tokenize("2?\nA:")[1:]
    assert any(text[i : i + len(joined)] == joined for i in range(len(text)))


def test_marks() -> None:
    """Found where all, some or no tokens count; silent where the mark stands in (nearly) all texts, however padded."""
    torch.manual_seed(0)
    mark = [50, 51, 52]
    ids = torch.randint(40, (40, 12))
    for labels, share in ((ids, "100%"), (torch.full_like(ids, -100), "0%")):
        assert f"40 of 40 texts: {share} of" in check.answer_mark_missing(ids, labels, mark)
    for place in range(10):
        ids[place::10, place : place + 3] = torch.tensor(mark)
    assert check.answer_mark_missing(ids, ids, mark) is None
    assert check.answer_mark_missing(ids, ids, torch.tensor([mark])) is None
    assert check.answer_mark_missing(ids, ids, [50, 52])
    ids[0] = 7
    assert check.answer_mark_missing(ids, ids, mark) is None  # one text of forty was cut
    ids[:10] = 7
    assert "10 of 40" in check.answer_mark_missing(ids, ids, mark)
    assert check.answer_mark_missing(ids[:, :2], ids[:, :2], mark) is None
