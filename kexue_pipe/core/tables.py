"""The parquet tables: one schema each, checked on every write and every read.

Sums are stored rather than means, so that pooling over bins, documents and seeds is exact.
`docs/tables.md` is generated from this file: `python -m kexue_pipe.core.tables > docs/tables.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kexue_pipe.core.files import atomic_path

DIGEST_KEY = "kexue_pipe.digest"


@dataclass(frozen=True)
class Table:
    """A table: what one row is, and the type and meaning of each column."""

    row: str
    columns: dict[str, tuple[pl.DataType | type[pl.DataType], str]]
    key: tuple[str, ...]  # the columns that name a row; rows are sorted by them

    @property
    def schema(self) -> pl.Schema:
        return pl.Schema({name: kind for name, (kind, _) in self.columns.items()})


_RUN = {
    "variant": (pl.String, "canonical name of the variant"),
    "seed": (
        pl.Int64,
        "training seed; variants with the same seed share data order and shared init",
    ),
}
_BIN = {
    "bin_lo": (pl.Int64, "first value of the bin"),
    "bin_hi": (pl.Int64, "value after the last one of the bin"),
}

TABLES: dict[str, Table] = {
    "variants": Table(
        "one variant",
        {
            "variant": _RUN["variant"],
            "task": (pl.String, "chosen task"),
            "position": (pl.String, "chosen positional encoding; empty if the model has none"),
            "attention": (pl.String, "chosen attention; empty if the model has none"),
            "quantizer": (pl.String, "chosen quantizer; empty if the model has none"),
            "model": (pl.String, "chosen model"),
            "size": (pl.String, "chosen size"),
            "train_length": (pl.Int64, "training length N in tokens; tokens per image for images"),
            "chance": (pl.Float64, "accuracy of a uniform guess; null for images"),
            "parameters": (pl.Int64, "trainable numbers"),
            "flops_per_token": (pl.Int64, "forward multiply-adds x 2 per token at length N"),
            "cache_elements_per_token": (
                pl.Int64,
                "numbers kept per past token in decoding, all layers",
            ),
            "state_elements": (pl.Int64, "numbers kept whatever the length, all layers"),
            "train_digest": (pl.String, "digest of everything that training reads"),
            "evaluate_digest": (pl.String, "digest of everything that evaluation reads"),
            "data_hash": (pl.String, "SHA-256 of the data; empty for generated data"),
            "versions": (pl.String, "versions of the packages that the numbers depend on"),
        },
        ("variant",),
    ),
    "runs": Table(
        "one training run",
        {
            **_RUN,
            "status": (pl.String, "`finished`, or `diverged` when the loss stopped being finite"),
            "steps": (pl.Int64, "optimizer steps taken"),
            "final_loss": (
                pl.Float64,
                "mean training loss of the last 5 % of the steps, nats or squared error",
            ),
            "solved": (
                pl.Boolean,
                "the task is solved at the training length; null if it has no such threshold",
            ),
            "circuit_step": (
                pl.Int64,
                "first step whose training accuracy is half-way from chance to solved; null if never",
            ),
        },
        ("variant", "seed"),
    ),
    "training": Table(
        "one logged stretch of training steps",
        {
            **_RUN,
            "step": (pl.Int64, "last step of the stretch"),
            "loss": (
                pl.Float64,
                "mean training loss over the stretch, nats per token or squared error",
            ),
            "accuracy": (pl.Float64, "mean training accuracy over the stretch; null for images"),
            "lr": (pl.Float64, "learning rate at the step"),
        },
        ("variant", "seed", "step"),
    ),
    "extrapolation": Table(
        "one bin of scored tokens",
        {
            **_RUN,
            "extension": (pl.String, "context extension that the checkpoint was evaluated under"),
            "stream": (pl.String, "kind of test document: natural, repeat, far, ..."),
            "protocol": (
                pl.String,
                "`fixed`: the same last N/2 tokens at every length; `curve`: all tokens by position",
            ),
            "length": (pl.Int64, "context length T in tokens"),
            "bin_by": (pl.String, "what the bin bounds: position, lag or depth"),
            **_BIN,
            "n": (pl.Int64, "scored tokens"),
            "loss_sum": (pl.Float64, "sum of the token losses, nats"),
            "loss_sq": (pl.Float64, "sum of the squared token losses, nats^2"),
            "correct": (pl.Int64, "scored tokens that are predicted"),
            "documents": (pl.Int64, "documents with a scored token in the bin"),
            "exact": (pl.Int64, "documents with every scored token of the bin predicted"),
        },
        ("variant", "seed", "extension", "stream", "protocol", "length", "bin_by", "bin_lo"),
    ),
    "attention": Table(
        "one metric of one head in one bin of row lengths",
        {
            **_RUN,
            "extension": (pl.String, "context extension that the checkpoint was evaluated under"),
            "length": (pl.Int64, "context length T in tokens"),
            "layer": (pl.Int64, "layer, 0 next to the input"),
            "head": (pl.Int64, "query head"),
            **_BIN,
            "metric": (pl.String, "name of the metric"),
            "sum": (pl.Float64, "sum over rows"),
            "sum_sq": (pl.Float64, "sum of squares over rows"),
            "n_rows": (pl.Int64, "rows"),
            "backend": (pl.String, "how the rows were computed: rows, online or fused"),
        },
        ("variant", "seed", "extension", "length", "layer", "head", "bin_lo", "metric"),
    ),
    "codes": Table(
        "the use of one code book",
        {
            **_RUN,
            "split": (pl.String, "test, or the out-of-domain image"),
            "level": (pl.String, "`joint`, or the number of the factor of the code"),
            "num_codes": (pl.Int64, "codes in the book"),
            "n_tokens": (pl.Int64, "assigned tokens"),
            "used": (pl.Int64, "codes with at least one token"),
            "entropy": (pl.Float64, "plug-in entropy of the code counts, nats"),
            "entropy_mm": (pl.Float64, "the same with the Miller-Madow correction, nats"),
        },
        ("variant", "seed", "split", "level"),
    ),
    "reconstruction": Table(
        "the reconstruction of one image, or of one image's test tiles",
        {
            **_RUN,
            "split": (pl.String, "test, or the out-of-domain image"),
            "image": (pl.String, "name of the photograph"),
            "n_pixels": (pl.Int64, "reconstructed pixels"),
            "n_tokens": (pl.Int64, "tokens (codes) that carry them"),
            "bits_nominal": (
                pl.Float64,
                "log2 of the number of codes, bits per token; infinite without a quantizer",
            ),
            "squared_error": (pl.Float64, "sum of squared errors, pixel range [-1, 1]"),
            "squared_error_bypass": (
                pl.Float64,
                "the same with the unquantised latent fed to the decoder",
            ),
            "png": (pl.Binary, "the reconstructed picture of the first seed; null elsewhere"),
        },
        ("variant", "seed", "split", "image"),
    ),
    "timing": Table(
        "one stage of one run (the only table that differs between two runs)",
        {
            **_RUN,
            "stage": (pl.String, "train or evaluate"),
            "seconds": (pl.Float64, "wall time of the computation, s"),
            "tokens_per_second": (pl.Float64, "tokens (pixels for images) processed per second"),
            "machine": (pl.String, "processor and threads"),
        },
        ("variant", "seed", "stage"),
    ),
}


class TableError(ValueError):
    """A table that does not have its schema, or a file that is no table."""


def empty(kind: str) -> pl.DataFrame:
    """Give the table with no rows."""
    return pl.DataFrame(schema=TABLES[kind].schema)


def write_table(kind: str, frame: pl.DataFrame, path: str | Path, digest: str) -> None:
    """Sort, check and write a table atomically, with the digest of its inputs inside the file."""
    table = TABLES[kind]
    _check(kind, frame.schema, path)
    frame = frame.select(*table.columns).sort(table.key)
    with atomic_path(path) as temporary:
        frame.write_parquet(temporary, compression="zstd", metadata={DIGEST_KEY: digest})


def read_table(kind: str, path: str | Path) -> pl.DataFrame:
    """Read a table and check its schema; a broken or foreign file is one clear sentence."""
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(
            f"{path} is not a readable parquet file ({error}); delete it and rerun"
        ) from error
    _check(kind, frame.schema, path)
    return frame


def _check(kind: str, schema: Mapping[str, pl.DataType], path: str | Path) -> None:
    expected = TABLES[kind].schema
    if dict(schema) != dict(expected):
        wrong = sorted(set(schema.items()) ^ set(expected.items()), key=str)
        raise TableError(
            f"{path} is not a `{kind}` table: columns {', '.join(f'{n}: {t}' for n, t in wrong)} "
            f"are missing, extra or of another type; delete it and rerun"
        )


def _documentation() -> str:
    lines = [
        "# Tables",
        "",
        "Generated from `kexue_pipe/core/tables.py`; `make docs` rewrites this page.",
        "",
    ]
    for name, table in TABLES.items():
        lines += [
            f"## {name}",
            "",
            f"One row: {table.row}. Key: {', '.join(f'`{k}`' for k in table.key)}.",
            "",
        ]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        lines += [
            f"| `{c}` | {pl.Schema({c: t})[c]} | {m} |" for c, (t, m) in table.columns.items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(_documentation(), end="")
