"""The parquet tables: one schema each, checked on every write and every read.

Sums are stored rather than means, so that pooling over bins, documents and seeds is exact.
What each column means stands in `table_docs.py`, apart, so that wording reruns nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import polars as pl

from kexue_pipe.core.files import atomic_write

DIGEST_KEY = "kexue_pipe.digest"
JUDGED = ("claims", "claim_values")  # tables that are made from the collected ones


@dataclass(frozen=True)
class Table:
    """A table: its columns, and those that name a row, by which rows are sorted."""

    key: tuple[str, ...]
    columns: dict[str, type[pl.DataType]]

    @property
    def schema(self) -> pl.Schema:
        return pl.Schema(self.columns)


TABLES: dict[str, Table] = {
    "variants": Table(
        key=("variant",),
        columns={
            "variant": pl.String,
            "task": pl.String,
            "position": pl.String,
            "attention": pl.String,
            "quantizer": pl.String,
            "model": pl.String,
            "size": pl.String,
            "choices": pl.String,
            "train_length": pl.Int64,
            "chance": pl.Float64,
            "pixels_per_token": pl.Int64,
            "parameters": pl.Int64,
            "flops_per_token": pl.Int64,
            "cache_elements_per_token": pl.Int64,
            "state_elements": pl.Int64,
            "train_digest": pl.String,
            "evaluate_digest": pl.String,
            "data_hash": pl.String,
            "versions": pl.String,
        },
    ),
    "runs": Table(
        key=("variant", "seed"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "status": pl.String,
            "steps": pl.Int64,
            "final_loss": pl.Float64,
            "solved": pl.Boolean,
            "circuit_step": pl.Int64,
        },
    ),
    "training": Table(
        key=("variant", "seed", "step", "quantity"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "step": pl.Int64,
            "quantity": pl.String,
            "value": pl.Float64,
        },
    ),
    "extrapolation": Table(
        key=("variant", "seed", "extension", "stream", "protocol", "length", "bin_by", "bin_lo"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "extension": pl.String,
            "stream": pl.String,
            "protocol": pl.String,
            "length": pl.Int64,
            "bin_by": pl.String,
            "bin_lo": pl.Int64,
            "bin_hi": pl.Int64,
            "n": pl.Int64,
            "loss_sum": pl.Float64,
            "loss_sq": pl.Float64,
            "correct": pl.Int64,
            "documents": pl.Int64,
            "exact": pl.Int64,
        },
    ),
    "levels": Table(
        key=("variant", "seed", "stream", "length", "level"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "stream": pl.String,
            "length": pl.Int64,
            "level": pl.String,
            "loss": pl.Float64,
            "accuracy": pl.Float64,
        },
    ),
    "attention": Table(
        key=("variant", "seed", "extension", "length", "layer", "head", "bin_lo", "metric"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "extension": pl.String,
            "length": pl.Int64,
            "layer": pl.Int64,
            "head": pl.Int64,
            "bin_lo": pl.Int64,
            "bin_hi": pl.Int64,
            "metric": pl.String,
            "sum": pl.Float64,
            "sum_sq": pl.Float64,
            "n_rows": pl.Int64,
            "backend": pl.String,
        },
    ),
    "codes": Table(
        key=("variant", "seed", "split", "level"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "split": pl.String,
            "level": pl.String,
            "num_codes": pl.Int64,
            "n_tokens": pl.Int64,
            "used": pl.Int64,
            "used_1pct": pl.Int64,
            "entropy": pl.Float64,
            "entropy_mm": pl.Float64,
        },
    ),
    "reconstruction": Table(
        key=("variant", "seed", "split", "image"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "split": pl.String,
            "image": pl.String,
            "n_pixels": pl.Int64,
            "n_tokens": pl.Int64,
            "bits_nominal": pl.Float64,
            "squared_error": pl.Float64,
            "squared_error_bypass": pl.Float64,
            "png": pl.Binary,
        },
    ),
    "latents": Table(
        key=("variant", "seed", "split"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "split": pl.String,
            "n_tokens": pl.Int64,
            "error": pl.Float64,
            "spread": pl.Float64,
            "gradient_cosine": pl.Float64,
            "gradient_gap": pl.Float64,
            "gradient": pl.Float64,
        },
    ),
    "timing": Table(
        key=("variant", "seed", "stage"),
        columns={
            "variant": pl.String,
            "seed": pl.Int64,
            "stage": pl.String,
            "seconds": pl.Float64,
            "cpu_seconds": pl.Float64,
            "tokens_per_second": pl.Float64,
            "machine": pl.String,
        },
    ),
    "claims": Table(
        key=("claim",),
        columns={
            "claim": pl.String,
            "entry": pl.String,
            "post": pl.Int64,
            "source": pl.String,
            "statement": pl.String,
            "published": pl.String,
            "scope": pl.String,
            "verdict": pl.String,
            "reason": pl.String,
            "direction": pl.String,
            "unit": pl.String,
            "smallest": pl.Float64,
            "why": pl.String,
            "left": pl.Float64,
            "right": pl.Float64,
            "mean": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "effect": pl.Float64,
            "p": pl.Float64,
            "p_holm": pl.Float64,
            "seeds": pl.Int64,
            "unsolved": pl.Int64,
            "seeds_needed": pl.Int64,
            "rate_shift": pl.Float64,
            "rival": pl.String,
        },
    ),
    "claim_values": Table(
        key=("claim", "side", "seed"),
        columns={
            "claim": pl.String,
            "side": pl.String,
            "seed": pl.Int64,
            "value": pl.Float64,
        },
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
    content = BytesIO()  # polars tells of a full disk in an error of its own
    frame.write_parquet(content, compression="zstd", metadata={DIGEST_KEY: digest})
    atomic_write(path, content.getvalue())


def read_table(kind: str, path: str | Path) -> pl.DataFrame:
    """Read a table and check its schema; a broken or foreign file is one clear sentence."""
    try:
        frame = pl.read_parquet(path, glob=False)  # names of variants may hold brackets
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(
            f"{path} is not a readable parquet file ({error}); delete it and rerun"
        ) from error
    _check(kind, frame.schema, path)
    return frame


def is_table(kind: str, path: str | Path) -> bool:
    """Say whether a file is a table with its schema, from its last bytes alone."""
    try:
        return pl.read_parquet_schema(path) == TABLES[kind].schema
    except (pl.exceptions.PolarsError, OSError):
        return False


def _check(kind: str, schema: Mapping[str, pl.DataType], path: str | Path) -> None:
    expected = TABLES[kind].schema
    if dict(schema) != dict(expected):
        wrong = sorted(set(schema.items()) ^ set(expected.items()), key=str)
        raise TableError(
            f"{path} is not a `{kind}` table: columns {', '.join(f'{n}: {t}' for n, t in wrong)} "
            f"are missing, extra or of another type; delete it and rerun"
        )
