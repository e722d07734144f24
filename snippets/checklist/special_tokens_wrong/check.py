"""Special tokens in one training batch: `ids` and `labels` (texts × places), and the id at which generation stops."""


def stop_token_masked(ids, labels, stop_id):
    """Count the stop token among the inputs and among the targets that count."""
    given, learnt = int((ids == stop_id).sum()), int((labels == stop_id).sum())
    if given and not learnt:
        return f"the stop token {stop_id} occurs {given} times in ids and never in labels: no text is taught to end"


def texts_that_begin_twice(ids):
    """Count the equal tokens at the start of every text: two is a begin token too many, padding varies."""
    first = (ids != ids[:, :1]).int().argmax(dim=1)
    twice = (first == 2).float().mean().item()
    if twice > 0.9 and len(ids[:, 0].unique()) == 1:
        return f"{twice:.0%} of the texts begin with token {int(ids[0, 0])} twice"


def texts_that_end_otherwise(ids, labels, stop_id):
    """Look at the last target that counts in each text."""
    counted = labels != -100
    last = labels.shape[1] - 1 - counted.flip(1).int().argmax(dim=1)
    ends = labels.gather(1, last.unsqueeze(1)).flatten()
    usual = ends.mode().values
    share = (ends == usual).float().mean().item()
    if not (ids == stop_id).any() and share > 0.9 and counted.any():
        return f"generation stops at {stop_id}, which no text contains; {share:.0%} of the texts end with {int(usual)}"
