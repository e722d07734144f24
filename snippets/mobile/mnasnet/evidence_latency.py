"""Milliseconds against multiply-adds of MnasNet-A1 for five image sizes and five widths, as its authors measured them.

Source: the authors' table in tensorflow/tpu, models/official/mnasnet/README.md, on one phone, a Pixel 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt

WIDTHS = (1.4, 1.0, 0.75, 0.5, 0.35)
STATED: dict[int, list[tuple[float, float]]] = {  # image size -> (million multiply-adds, milliseconds) for each width
    224: [(591.5, 135), (315.2, 78), (226.7, 61), (105.2, 32), (63.2, 22)],
    192: [(435.1, 99), (232.0, 57), (166.9, 45), (77.6, 24), (46.8, 17)],
    160: [(302.8, 72), (161.6, 41), (116.4, 33), (54.4, 18), (32.9, 13)],
    128: [(194.5, 49), (104.1, 29), (75.0, 23), (35.3, 12), (21.6, 8.5)],
    96: [(110.3, 32), (59.3, 18), (42.9, 17), (20.5, 7.4), (12.7, 5.4)],
}

if __name__ == "__main__":
    _, axes = plt.subplots()
    for (size, rows), marker in zip(STATED.items(), "osD^v", strict=True):
        axes.plot(*zip(*rows, strict=True), marker=marker, label=f"{size}×{size}")
    axes.set(xscale="log", yscale="log", xlabel="million multiply-adds", ylabel="milliseconds on a Pixel 1")
    axes.set_xticks(ticks := [20, 50, 100, 200, 500], map(str, ticks))
    axes.set_yticks(ticks := [5, 10, 20, 50, 100], map(str, ticks))
    axes.minorticks_off()
    axes.legend()
    plt.savefig("mnasnet-latency.svg")
    shares = {f"{size}": [latency / work for work, latency in rows] for size, rows in STATED.items()}
    with Path("mnasnet-latency.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", *(f"width {width}" for width in WIDTHS)])
        table.writerows([f"{size}×{size}", *(f"{share:.2f}" for share in row)] for size, row in shares.items())
    Path("mnasnet-latency.json").write_text(json.dumps({"milliseconds_per_million": shares}), encoding="utf-8")
    every = [share for row in shares.values() for share in row]
    print(f"milliseconds for a million multiply-adds: {min(every):.2f} to {max(every):.2f}")
