"""The confident joint and the listed samples, loop by loop, and the joint distribution of given and true labels.

Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2019, eq. 1 to 3.
"""

import torch
from torch import Tensor


def confident_learning(probabilities: Tensor, y: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Counts by given label and confident class, estimated joint distribution, places of suspected errors.

    Args:
        probabilities: of models that have not seen the sample, (samples, classes).
        y: given labels, integers, (samples,).
    """
    classes = probabilities.shape[1]
    thresholds = [probabilities[y == c, c].mean().item() for c in range(classes)]
    joint = torch.zeros(classes, classes, dtype=torch.int64)
    issues = []
    for place, (row, given) in enumerate(zip(probabilities.tolist(), y.tolist(), strict=True)):
        confident = [c for c in range(classes) if row[c] >= thresholds[c] - 1e-6]
        if not confident:
            continue  # such a sample says nothing
        best = max(confident, key=lambda c: row[c])
        joint[given, best] += 1
        if best != given:
            issues.append(place)
    share = joint / joint.sum(dim=1, keepdim=True)  # of each given label, by class
    calibrated = share * torch.bincount(y, minlength=classes)[:, None].to(share)  # rows sum to the labels' counts
    return joint, calibrated / calibrated.sum(), issues


if __name__ == "__main__":
    torch.manual_seed(0)
    noise = torch.tensor([[0.80, 0.15, 0.05], [0.00, 0.90, 0.10], [0.20, 0.05, 0.75]])  # given label by true class
    true = torch.randint(3, (3000,))
    y = torch.multinomial(noise[true], 1).flatten()
    joint, estimated, issues = confident_learning(noise[true], y)  # with the ideal probabilities
    exact = torch.bincount(y * 3 + true, minlength=9).reshape(3, 3) / 3000
    print(f"listed are the wrong labels and no others: {issues == (y != true).nonzero().flatten().tolist()}")
    print(f"largest difference of the joint distribution: {(estimated - exact).abs().max():.3f}")
