"""Choosing among networks by accuracy and by the time that they take on the device, with MnasNet's reward.

Source: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", 2018, section 3
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A network and what was measured of it.

    Args:
        name: of the network.
        accuracy: a share or in per cent, the same for all candidates.
        latency: time for one image on the device that counts, in any unit, the same for all.
    """

    name: str
    accuracy: float
    latency: float


def reward(candidate: Candidate, target: float, below: float = -0.07, above: float = -0.07) -> float:
    """Accuracy times (latency / target) to a negative power; the higher, the better.

    Args:
        candidate: what is judged.
        target: the latency that is wanted.
        below: the power for candidates that are no slower than the target. With the default a network that takes twice
            as long has to be 5% more accurate, as a share of its accuracy. 0: being faster earns nothing.
        above: the power for slower ones; -1 punishes them so hard that the target is nearly a limit.

    Raises:
        ValueError: when a latency is not positive.
    """
    if candidate.latency <= 0 or target <= 0:
        raise ValueError(f"latencies must be positive, got {candidate.latency} and {target}")
    power = below if candidate.latency <= target else above
    return float(candidate.accuracy * (candidate.latency / target) ** power)


if __name__ == "__main__":
    # MnasNet-A1 of several image sizes and widths: top-1 and milliseconds on a Pixel 1, as its authors state them
    stated = {"224, 1.4": (77.2, 135), "224, 1.0": (75.2, 78), "192, 1.0": (74.0, 57), "160, 1.0": (72.0, 41)}
    candidates = [Candidate(name, *numbers) for name, numbers in stated.items()]
    for target in (40, 60, 120):
        soft = max(candidates, key=lambda c: reward(c, target))
        hard = max(candidates, key=lambda c: reward(c, target, below=0, above=-1))
        print(f"target {target} ms: {soft.name} by the soft reward, {hard.name} by the hard one")
