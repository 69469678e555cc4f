"""Synthetic rows of a recall task whose documents differ with the length, with a known truth."""

from typing import Any

N = 64
LENGTHS = (64, 128, 256, 512, 1024)
LEAKY = "task=recall,extension.leaky_rerope.allow_beyond=true,extension.leaky_rerope.k=4.0"
# share recalled at each length; seed 1 of rope loses nothing up to 128
RECALL: dict[tuple[str, str], tuple[float, ...]] = {
    ("task=recall", "none"): (0.99, 0.5, 0.25, 0.125, 0.0625),
    ("task=recall", "window"): (0.99, 0.99, 0.99, 0.99, 0.99),
    ("task=recall", "rerope"): (0.99, 0.99, 0.98, 0.97, 0.95),
    (LEAKY, "leaky_rerope"): (0.99, 0.99, 0.9, 0.4, 0.2),
    ("task=recall,position.base=100.0", "none"): (0.95, 0.6, 0.3, 0.125, 0.0625),
    ("task=recall,position=alibi", "none"): (0.97, 0.96, 0.5, 0.25, 0.125),
    ("task=recall,position=none", "none"): (0.2, 0.2, 0.2, 0.2, 0.2),
}
LAGS, DEPTHS = [1 << k for k in range(11)], range(11)


def extrapolation(run: dict[str, Any], values: tuple[float, ...]) -> list[dict[str, Any]]:
    """Give rows by position, lag and depth: lags below N are recalled to 99 %."""
    rows = []
    for length, value in zip(LENGTHS, values, strict=True):
        if length == 128 and run["seed"] == 1 and (run["variant"], value) == ("task=recall", 0.5):
            value = values[0]
        bins = [("position", 0, length, value)]
        lags = [b for b in zip(LAGS, LAGS[1:], strict=False) if b[1] <= length]
        bins += [("lag", low, high, value if low >= N else 0.99) for low, high in lags]
        depths = zip(DEPTHS, DEPTHS[1:], strict=False)
        bins += [("depth", low, high, value) for low, high in depths]
        for bin_by, low, high, share in bins:
            place = {"protocol": "whole", "length": length, "bin_by": bin_by}
            place |= {"bin_lo": low, "bin_hi": high, "n": 1000, "correct": round(1000 * share)}
            sums = {"loss_sum": 100.0, "loss_sq": 100.0, "documents": 50, "exact": 0}
            rows.append(run | place | sums)
    return rows


def levels() -> list[dict[str, Any]]:
    """Give what the text and recall tasks are compared with."""
    rows = []
    for length in LENGTHS:
        place = {"variant": "task=text", "seed": 0, "stream": "natural", "length": length}
        rows.append(place | {"level": "unigram", "loss": 2.0, "accuracy": 0.2})
        place = {"variant": "task=recall", "seed": 0, "stream": "recall", "length": length}
        rows.append(place | {"level": "ceiling", "loss": 0.0, "accuracy": 1.0})
    return rows


def attention(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Give mean distances of (head + 1) tokens, and output powers of 1/n without positions."""
    rows = []
    for layer, head, power in ((a, b, c) for a in range(2) for b in range(4) for c in range(1, 10)):
        law = 1.0 / 2**power if run["variant"].endswith("none") else 0.25
        for metric, value in (("dist_mean", head + 1.0), ("output_power", law)):
            place = {"extension": "none", "length": 512, "layer": layer, "head": head}
            place |= {"bin_lo": 2**power, "bin_hi": 2 ** (power + 1), "metric": metric}
            sums = {"sum": 128 * value, "sum_sq": 128 * value**2, "n_rows": 128}
            rows.append(run | place | sums | {"backend": "rows"})
    return rows


def circuit_step(run: dict[str, Any]) -> int | None:
    """Give the step at which the circuit appears; seed 0 of base 100 never gets there."""
    if "position=none" in run["variant"]:
        return None
    if "base=100.0" in run["variant"]:
        return None if run["seed"] == 0 else 300
    return 100 * (run["seed"] + 1)
