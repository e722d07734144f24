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
