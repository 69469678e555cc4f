import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet
import pytest

from kexue_pipe.core.tables import (
    DIGEST_KEY,
    TABLES,
    TableError,
    empty,
    is_table,
    read_table,
    write_table,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def training():
    rows = {"variant": ["b", "a", "a"], "seed": [0, 1, 0], "step": [10, 10, 20]}
    return empty("training").clear(3).with_columns(pl.DataFrame(rows)).with_columns(value=0.5)


def test_rows_are_sorted_by_the_key_and_columns_put_in_order(training, tmp_path):
    write_table("training", training.select(reversed(training.columns)), tmp_path / "t", "d")
    found = read_table("training", tmp_path / "t")
    assert found.columns == list(TABLES["training"].columns)
    assert is_table("training", tmp_path / "t") and not is_table("training", tmp_path / "u")
    assert found.select("variant", "seed").rows() == [("a", 0), ("a", 1), ("b", 0)]


def test_the_name_of_a_variant_with_a_list_is_no_pattern(training, tmp_path):
    path = tmp_path / "task=text,task.evaluate.streams=[repeat]" / "training.parquet"
    path.parent.mkdir()
    write_table("training", training, path, "d")
    assert len(read_table("training", path)) == 3


def test_the_order_of_rows_leaves_the_same_bytes(training, tmp_path):
    write_table("training", training, tmp_path / "a", "d")
    write_table("training", training.reverse(), tmp_path / "b", "d")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_digest_is_readable_without_this_package(training, tmp_path):
    write_table("training", training, tmp_path / "t", "abc123")
    metadata = pyarrow.parquet.read_metadata(tmp_path / "t").metadata
    assert metadata[DIGEST_KEY.encode()] == b"abc123"
    assert pl.read_parquet_metadata(tmp_path / "t")[DIGEST_KEY] == "abc123"


@pytest.mark.parametrize("kind", TABLES)
def test_an_empty_table_goes_round(kind, tmp_path):
    write_table(kind, empty(kind), tmp_path / "t", "d")
    assert read_table(kind, tmp_path / "t").schema == TABLES[kind].schema


@pytest.mark.parametrize("kind", TABLES)
def test_the_key_consists_of_columns(kind):
    assert set(TABLES[kind].key) < set(TABLES[kind].columns)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda frame: frame.drop("value"), "value"),
        (lambda frame: frame.with_columns(extra=1), "extra"),
        (lambda frame: frame.cast({"step": pl.Int32}), "step: Int32"),
    ],
    ids=["missing", "extra", "other type"],
)
def test_another_schema_is_refused_on_write_and_on_read(change, column, training, tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(TableError, match=f"{path}.*{column}"):
        write_table("training", change(training), path, "d")
    assert not path.exists()
    change(training).write_parquet(path)
    with pytest.raises(TableError, match=f"{path}.*{column}.*delete it and rerun"):
        read_table("training", path)
    assert not is_table("training", path)


def _sentence(path):
    with pytest.raises(TableError) as caught:
        read_table("training", path)
    text = str(caught.value)
    assert text.startswith(str(path)) and "delete it and rerun" in text and "\n" not in text


def test_a_truncated_file_is_one_sentence_that_names_it(training, tmp_path):
    path = tmp_path / "t.parquet"
    write_table("training", training, path, "d")
    path.write_bytes(path.read_bytes()[:-40])
    _sentence(path)


def test_a_foreign_or_missing_file_is_one_sentence_that_names_it(tmp_path):
    path = tmp_path / "t.parquet"
    _sentence(path)
    path.write_text("variant,seed\na,0\n")
    _sentence(path)
    path.write_bytes(b"")
    _sentence(path)


def test_the_documentation_is_generated_from_the_schemas():
    command = [sys.executable, "-m", "kexue_pipe.core.table_docs"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name, table in TABLES.items():
        assert f"## {name}\n" in text and all(f"| `{column}` |" in text for column in table.columns)
    assert (ROOT / "docs" / "tables.md").read_text() == text, "run `make docs`"
