"""Why CTC reads nothing: call these with what torch's CTC loss receives, outputs of shape (steps, batch, numbers)."""

import torch


def not_log_probabilities(outputs, input_lengths=None):
    """Ask whether the exponentials of the outputs sum to 1 at every step; steps beyond input_lengths are left out."""
    values = outputs.detach().double()
    if input_lengths is not None:
        steps = torch.arange(len(values), device=values.device)[:, None]
        inside = steps < torch.as_tensor(input_lengths).to(steps)
        values = values[inside.reshape(values.shape[:-1])]
    sums = values.exp().sum(dim=-1)
    if (sums - 1).abs().max() > 0.05:
        found = f"the exponentials of the outputs sum to {sums.min():.3g} to {sums.max():.3g} at a step, not to 1"
        if values.min() >= 0 and (values.sum(dim=-1) - 1).abs().max() < 0.05:
            found += ": they are probabilities, take their logarithm (log_softmax)"
        return found


def split(targets, target_lengths):
    """Give each text without its padding; a 1-dimensional target has the texts one after another."""
    lengths = torch.as_tensor(target_lengths).reshape(-1).tolist()
    if targets.dim() == 1:
        return list(targets.split(lengths))
    return [row[:n] for row, n in zip(targets, lengths, strict=True)]


def blank_in_the_texts(targets, target_lengths, blank=0):
    """Count the blank's number within the texts; hand over the blank of your loss, torch's default is 0."""
    numbers = torch.cat(split(targets, target_lengths))
    count = int((numbers == blank).sum())
    if count:
        return (
            f"{count} of {len(numbers)} numbers in the texts are {blank}, which is the blank: it is a letter's "
            "number, or target_lengths count padding"
        )


def texts_that_do_not_fit(targets, target_lengths, input_lengths):
    """Count texts with more letters than output steps; two equal letters need a blank between them."""
    texts = split(targets, target_lengths)
    needed = [len(t) + int((t[1:] == t[:-1]).sum()) for t in texts]
    steps = torch.as_tensor(input_lengths).reshape(-1).tolist()
    short = [(n, s) for n, s in zip(needed, steps, strict=True) if n > s]
    if short:
        return (
            f"{len(short)} of {len(texts)} texts do not fit, one needs {short[0][0]} steps and has {short[0][1]}: "
            "their loss is inf, or 0 under zero_infinity=True"
        )


def still_in_the_blank_phase(outputs, losses, target_lengths, blank=0):
    """Count the letters that are read, and ask whether the loss was still falling at the end."""
    best = outputs.detach().argmax(dim=-1).reshape(len(outputs), -1).T
    read = sum(int((row.unique_consecutive() != blank).sum()) for row in best)
    written = int(torch.as_tensor(target_lengths).sum())
    quarter = len(losses) // 4
    last, before = (
        torch.tensor(part).mean()
        for part in (losses[-quarter:], losses[-2 * quarter : -quarter])
    )
    if quarter and read < 0.2 * written and 0 <= last < 0.95 * before:
        return (
            f"{read} letters are read where the texts have {written}, and the loss still fell from "
            f"{before:.2f} to {last:.2f} from one quarter of training to the next: "
            "if the other checks are silent, train on"
        )
