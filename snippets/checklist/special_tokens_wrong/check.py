"""Special tokens in one training batch: `ids`, `labels` (texts × places), and the id (or ids) at which generation stops."""

import torch


def stop_token_masked(ids, labels, stop_id):
    """Count the stop token among the inputs and among the targets that count."""
    stops = torch.as_tensor(stop_id, device=ids.device)
    given, learnt = (int(torch.isin(tokens, stops).sum()) for tokens in (ids, labels))
    if given and not learnt:
        return f"the stop token {stop_id} occurs {given} times in ids and never in labels: no text is taught to end"


def texts_that_begin_twice(ids):
    """Count the equal tokens at the start of every text, padded on the right: two is a begin token too many."""
    first = (ids != ids[:, :1]).int().argmax(dim=1)
    twice = (first == 2).float().mean().item()
    if twice > 0.9 and len(ids[:, 0].unique()) == 1:
        return f"{twice:.0%} of the texts begin with token {int(ids[0, 0])} twice"


def texts_that_end_otherwise(ids, labels, stop_id):
    """Look at the last target that counts in each text."""
    labels = labels[(labels != -100).any(dim=1)]
    if (
        not len(labels)
        or torch.isin(ids, torch.as_tensor(stop_id, device=ids.device)).any()
    ):
        return None
    counted = labels != -100
    last = labels.shape[1] - 1 - counted.flip(1).int().argmax(dim=1)
    ends = labels.gather(1, last.unsqueeze(1)).flatten()
    usual = ends.mode().values
    share = (ends == usual).float().mean().item()
    if share > 0.9:
        return f"generation stops at {stop_id}, which no text contains; {share:.0%} of the texts end with {int(usual)}"


def prompts_that_stop_early(ids, prompts, stop_id):
    """Look in training texts at what follows the tokens with which all prompts of generation end.

    `prompts`: token ids of several prompts with different words, as they are handed to the model.
    """
    prompts = [torch.as_tensor(prompt).flatten().tolist() for prompt in prompts]
    if all(prompt == prompts[0] for prompt in prompts):
        return None  # what they have in common could be their words
    size = 2 if len({tuple(prompt[-2:]) for prompt in prompts}) == 1 else 1
    ends, next_tokens = {tuple(prompt[-size:]) for prompt in prompts}, []
    for text in ids.tolist():
        while len(text) > 1 and text[-1] == text[-2]:
            text.pop()  # padding
        for i in range(size, len(text) - 1):
            if tuple(text[i - size : i]) in ends:
                next_tokens.append(text[i])
    usual = max(set(next_tokens), key=next_tokens.count, default=None)
    stops = torch.as_tensor(stop_id).flatten().tolist()
    if len(ends) > 1 or len(next_tokens) < 4 or usual in stops:
        return None
    share = next_tokens.count(usual) / len(next_tokens)
    if share > 0.9:
        return (
            f"all prompts end with {list(*ends)}; in training, {share:.0%} of {len(next_tokens)} times {usual} follows: "
            "if that token belongs to the template, the prompts lack it"
        )


def answer_mark_missing(ids, labels, mark):
    """Look in each text for the ids of the mark after which the answer begins, and count targets where it is not.

    `mark`: the ids that the collator looks for, such as those of a response template.
    """
    mark = torch.as_tensor(mark, device=ids.device).flatten()
    if ids.shape[1] < len(mark):
        return None
    found = (ids.unfold(1, len(mark), 1) == mark).all(dim=2).any(dim=1)
    missing = int((~found).sum())
    if missing > 0.05 * len(ids):  # a few texts may have been cut before their answer
        counted = (labels[~found] != -100).float().mean().item()
        return (
            f"the mark {mark.tolist()} is missing in {missing} of {len(ids)} texts: {counted:.0%} of their tokens are "
            "targets; ids of a mark that was tokenized alone may differ from those in a text"
        )
