"""Tables of the size of a shipped suite, with curves of the usual shapes: for budgets and looks."""

import io
from itertools import product
from math import inf, log
from typing import Any
from zlib import crc32

import polars as pl
from PIL import Image

from kexue_pipe.core.tables import JUDGED, TABLES

N, LENGTHS = 64, (64, 128, 256, 512, 1024)
CONTROLS = ("none", "truncate", "window")
BIAS = ("alibi", "kerple_log", "kerple_power", "sandwich", "t5", "cope")
ROTARY = ("rope_partial", "p_rope", "xpos", "rope_bias", "inv_leaky_rerope", "fire")
ABSOLUTE = ("none", "sinusoidal", "learned")
EXTENSIONS = (
    *CONTROLS, "bca", "lambda_mask", "leaky_rerope", "logn_clip", "ntk", "ntk_dynamic",
    "ntk_fixed", "ntk_mixed", "ntk_old", "pi", "rerope", "self_extend", "yarn",
)  # fmt: skip
GOOD = ("rerope", "leaky_rerope", "self_extend", "lambda_mask", "bca", "yarn", "ntk_dynamic")
METRICS = {  # unit, sparser, value at L keys for a head of sharpness h
    "entropy": ("nats", "smaller", lambda h, L: (1 - 0.2 * h) * log(L)),
    "conc": ("nats", "larger", lambda h, L: 0.2 * h * log(L)),
    "s12": ("1", "smaller", lambda h, L: 1 / (1 + 0.2 * h * log(L))),
    "gini": ("1", "larger", lambda h, L: 1 - 1 / (1 + 0.2 * h * log(L))),
    "sink_mass": ("1", None, lambda h, L: 0.1 * h),
    "dist_mean": ("tokens", None, lambda h, L: L / (2 + h)),
    "n_eff": ("keys", "smaller", lambda h, L: L ** (1 - 0.2 * h)),
    "hoyer": ("1", "larger", lambda h, L: 0.2 * h),
    "entropy_norm": ("1", "smaller", lambda h, L: 1 - 0.2 * h),
    "output_power": ("squared value", None, lambda h, L: h / L),
    "noise_gain": ("1", None, lambda h, L: 0.06 * h / L),
    "dist_ratio": ("1", None, lambda h, L: 2 / (2 + h)),
    "noise_law": ("1", None, lambda h, L: 0.06 * h / L),
    **{f"m{i}": ("1", None, lambda h, L: 0.1 * h) for i in range(4)},
}


def default() -> dict[str, pl.DataFrame]:
    """Give tables as large as those of the default suite: 11 decoders and 7 autoencoders."""
    some = [f"position={name}" for name in ("alibi", "none", "sinusoidal")]
    text = ["", *some, *(f"attention={name}" for name in ("linear", "logn", "window"))]
    book = [f"quantizer.K={k},quantizer={q}" for k, q in product((64, 1024), ("vq", "fsq"))]
    images = ["", "quantizer=vq", "quantizer=fsq", *book]
    return tables({"text": text, "repeat": ["", *some], "patches": images})


def positions() -> dict[str, pl.DataFrame]:
    """Give tables as large as those of the suite of all encodings: 38 decoders."""
    every = [f"position={name}" for name in (*BIAS, *ROTARY, *ABSOLUTE)]
    bases = [f"position.base={base}" for base in ("100.0", "500.0", "500000.0")]
    ids = ["position_ids=randomised", "position=learned,position_ids=randomised"]
    knobs = [f"extension.leaky_rerope.k={k}" for k in ("4.0", "8.0")]
    cap = "size.evaluate.max_factor=4"
    grid = [cap, f"position=rope_2d,{cap}"]
    some = [name for name in every if not name.endswith(("power", "bias", "inv_leaky_rerope"))]
    return tables({"text": ["", *every, *bases, *ids, *knobs], "repeat": ["", *some], "grid": grid})


def metrics() -> pl.DataFrame:
    """Give the metadata of the metrics as the report hands them to charts."""
    rows = [(name, *row[:2]) for name, row in METRICS.items()]
    columns = ("metric", "unit", "sparser")
    return pl.DataFrame(rows, schema=columns, orient="row")


def tables(suffixes: dict[str, list[str]], seeds: int = 3) -> dict[str, pl.DataFrame]:
    """Give the tables as `collect` writes them, for the variants of each task."""
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in TABLES if kind not in JUDGED}
    for task, names in suffixes.items():
        for suffix in names:
            name = f"task={task}" + f",{suffix}" * bool(suffix)
            parts = dict(part.split("=", 1) for part in name.split(","))
            rows["variants"].append(_variant(name, task, parts))
            for seed in range(seeds):
                run = {"variant": name, "seed": seed}
                (_image if task == "patches" else _decoder)(rows, run, task, parts)
    for length in LENGTHS:
        for place in ({"variant": "task=text", "seed": 0, "stream": "natural"},):
            for level, loss in (("unigram", 2.9), ("5-gram", 1.6)):
                rows["levels"].append(place | {"length": length, "level": level, "loss": loss})
    return {kind: _frame(kind, rows[kind]) for kind in TABLES if kind not in JUDGED}


def _frame(kind: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = TABLES[kind].schema
    frame = pl.DataFrame(rows, schema=schema, orient="row") if rows else pl.DataFrame(schema=schema)
    return frame.select(*schema)


def _noise(*key: Any) -> float:
    return crc32(repr(key).encode()) / 2**32 - 0.5


def _variant(name: str, task: str, parts: dict[str, str]) -> dict[str, Any]:
    images = task == "patches"
    wide = round(20000 * (0.5 + _noise(parts.get("position"), parts.get("quantizer"))))
    recurrent = parts.get("attention") in ("linear", "window")
    return {
        "variant": name,
        "task": task,
        "position": "" if images else parts.get("position", "rope"),
        "attention": "" if images else parts.get("attention", "softmax"),
        "quantizer": parts.get("quantizer", "none") if images else "",
        "model": "autoencoder" if images else "decoder",
        "size": "small",
        "choices": name.replace(",", " "),
        "train_length": 16 if images else N,
        "chance": None if images else 1 / 64 if task == "text" else 1 / 16,
        "parameters": 139584 + wide,
        "flops_per_token": 335872 + 2 * wide,
        "cache_elements_per_token": 0 if images or recurrent else 512,
        "state_elements": 8192 if recurrent else 0,
        "train_digest": f"{crc32(name.split(',extension.')[0].encode()):032x}",
        "evaluate_digest": "1b" * 16,
        "data_hash": "f00d" * 16 if task in ("text", "patches") else "",
        "versions": "torch 2.13.0",
    }


def _decoder(rows: dict[str, list], run: dict[str, Any], task: str, parts: dict[str, str]) -> None:
    position = parts.get("position", "rope")
    solved = None if task == "text" else position not in ("none", "learned")
    step = 100 + round(300 * (_noise(run["variant"], run["seed"]) + 0.5)) // 20 * 20
    circuit = step if solved else None
    end = {"status": "finished", "steps": 1000, "final_loss": 1.6, "solved": solved}
    rows["runs"].append(run | end | {"circuit_step": circuit})
    for stage, seconds in (("train", 15.0), ("evaluate", 6.0)):
        seconds *= 1 + 0.4 * _noise(run["variant"], run["seed"], stage)
        time = {"stage": stage, "cpu_seconds": seconds, "machine": "x86"}
        rows["timing"].append(run | time)
    for at in range(20, 401 if task == "text" else 1001, 20):
        loss = 1.6 + 0.2 * _noise(run["variant"]) + 2.4 * 0.99**at + 0.05 * _noise(run, at)
        found = 1 / 16 if at < step else min(0.99, 0.5 + (at - step) / 800)
        values = {"loss": loss, "lr": 1e-3, "accuracy": found if solved is not None else 0.4}
        rows["training"] += [
            run | {"step": at, "quantity": k, "value": v} for k, v in values.items()
        ]
    lengths = [t for t in LENGTHS if t <= int(parts.get("size.evaluate.max_factor", 16)) * N]
    streams = {"text": ["natural"], "repeat": ["repeat", "far"], "grid": ["seen", "wider"]}[task]
    rotary = position in ("rope", *ROTARY)
    for stream, extension in product(
        streams, EXTENSIONS if rotary else (*CONTROLS, "bca", "logn_clip")
    ):
        place = run | {"extension": extension, "stream": stream}
        for length in lengths:
            loss = _loss(run, position, extension, length)
            lost = loss - _loss(run, position, extension, N)
            share = 0.08 if stream in ("far", "wider") else 0.97 - 0.35 * lost
            spot = {"protocol": "fixed", "length": length}
            bins = [("position", lengths[-1] - 32, lengths[-1])]
            if task == "repeat":
                bins += [("lag", 1 << k, 2 << k) for k in range(4, 6)]
                bins += [("depth", k, k + 1) for k in range(10)]
            for bin_by, low, high in bins:
                spot |= {"bin_by": bin_by, "bin_lo": low, "bin_hi": high}
                rows["extrapolation"].append(place | spot | _sums(1536, loss, share))
        for low in range(0, lengths[-1], 32) if extension in ("none", "window") else ():
            loss = _loss(run, position, extension, low + 16)
            spot = {"protocol": "curve", "length": lengths[-1], "bin_by": "position"}
            lost = loss - _loss(run, position, extension, N)
            share = 0.08 if stream in ("far", "wider") else 0.97 - 0.35 * lost
            bins = {"bin_lo": low, "bin_hi": low + 32}
            rows["extrapolation"].append(place | spot | bins | _sums(1536, loss, share))
    cells = product(("none", "window"), range(2), range(4), range(1, 11), METRICS.items())
    for extension, layer, head, power, (metric, row) in cells:
        if extension == "window" and power > 6:
            continue
        sharp = 0.5 + (head + run["seed"]) % 4 + 0.5 * layer + _noise(run["variant"], layer)
        value = row[2](sharp, 1.4 * 2**power) * (1 + 0.05 * _noise(run, metric, layer, power))
        place = {"extension": extension, "length": lengths[-1], "layer": layer, "head": head}
        place |= {"bin_lo": 2**power, "bin_hi": 2 ** (power + 1), "metric": metric}
        sums = {"sum": 128 * value, "sum_sq": 128 * value**2, "n_rows": 128, "backend": "rows"}
        rows["attention"].append(run | place | sums)
    for layer, head, metric in product(range(2), range(4), ("erank", "srank")):
        place = {"extension": "none", "length": N, "layer": layer, "head": head}
        place |= {"bin_lo": 1, "bin_hi": N + 1, "n_rows": 4, "backend": "rows"}
        more = 1.5 + head + _noise(run["variant"], layer)
        for name, value in ((metric, more), (f"{metric}_uniform", 1.0)):
            sums = {"metric": name, "sum": 4 * value, "sum_sq": 4 * value**2}
            rows["attention"].append(run | place | sums)


def _loss(run: dict[str, Any], position: str, extension: str, length: float) -> float:
    """Give bits per token: collapse, drift or flat beyond N; extensions repair more or less."""
    octaves = max(0.0, log(length / N) / log(2))
    slope = {"rope": 1.0, "none": 0.3}.get(position, 0.05 if position in BIAS else 0.8)
    if extension in ("window", "truncate"):
        slope = -0.01
    elif extension in GOOD:
        slope *= 0.1 + 0.05 * GOOD.index(extension)
    elif extension != "none":
        slope *= 0.6
    base = 2.4 + 0.3 * _noise(position) + 0.5 * max(0.0, -log(length / N)) / 4
    own = _noise(run["variant"], extension, length), _noise(run["seed"]), _noise(run, extension)
    return base + slope * octaves * (1 + 0.3 * own[0]) + 0.03 * own[1] + 0.01 * own[2]


def _sums(n: int, bits: float, share: float) -> dict[str, Any]:
    loss = {"loss_sum": n * bits * log(2), "loss_sq": n * bits**2}
    return loss | {
        "n": n,
        "correct": round(n * min(max(share, 0.08), 0.99)),
        "documents": 48,
        "exact": 0,
    }


def _image(rows: dict[str, list], run: dict[str, Any], task: str, parts: dict[str, str]) -> None:
    codes = int(parts.get("quantizer.K", 256)) if "quantizer" in parts else 0
    rows["runs"].append(run | {"status": "finished", "steps": 600, "final_loss": 0.01})
    rows["timing"].append(run | {"stage": "train", "cpu_seconds": 50.0, "machine": "x86"})
    for at in range(20, 601, 20):
        values = {"loss": 0.01 + 0.3 * 0.99**at, "lr": 1e-3}
        rows["training"] += [
            run | {"step": at, "quantity": k, "value": v} for k, v in values.items()
        ]
    worse = parts.get("quantizer") == "vq"
    db = 30.0 if not codes else 15.0 + log(codes) / log(2) - 2 * worse
    for split, image, loss in (("test", "coins", 0.0), ("camera", "camera", 3.0)):
        error = 4 * 10 ** (-(db - loss + 0.3 * _noise(run, split)) / 10) * 4096
        row = {"split": split, "image": image, "n_pixels": 4096, "n_tokens": 256}
        row |= {"bits_nominal": log(codes) / log(2) if codes else inf, "squared_error": error}
        picture = _png(90 + codes % 90) if run["seed"] == 0 and split == "camera" else None
        rows["reconstruction"].append(
            run | row | {"squared_error_bypass": error / 2, "png": picture}
        )
        if codes:
            used = round(codes * (0.6 if worse else 0.95))
            row = {
                "split": split,
                "level": "joint",
                "num_codes": codes,
                "n_tokens": 6400,
                "used": used,
            }
            rows["codes"].append(run | row | {"entropy": log(used), "entropy_mm": log(used)})


def _png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "PNG")
    return buffer.getvalue()
