"""Facts about what charts share: emphasis, conditions, names at the ends of lines."""

import altair as alt
import polars as pl
import pytest

from kexue_pipe.core import drawing


def _lines(ends: dict[str, float], task: str = "t") -> pl.DataFrame:
    rows = [
        {"task": task, "label": label, "order": order, "suffix": label, "x": x, "mean": end * x}
        for order, (label, end) in enumerate(ends.items())
        for x in (1, 2)
    ]
    same = {"seed": pl.lit(None, pl.Int64), "new": pl.lit(False), "gain": pl.col("mean")}
    return pl.DataFrame(rows).with_columns(**same, emphasis=pl.lit(True))


def test_each_task_emphasises_its_best_where_there_are_many():
    one = _lines({f"a{i}": float(i) for i in range(9)}, "one")
    two = _lines({f"b{i}": float(-i) for i in range(9)}, "two")
    frame = drawing.emphasise(pl.concat([one, two]), ["task"], "x", 2)
    assert set(frame.filter("emphasis")["label"]) == {"a7", "a8", "b0", "b1"}
    assert drawing.emphasise(one.head(16), ["task"], "x", 2)["emphasis"].all()  # 8 are few


def test_defaults_and_new_variants_are_emphasised_wherever_they_end():
    frame = _lines({f"a{i}": float(i) for i in range(9)})
    frame = frame.with_columns(
        suffix=pl.when(pl.col("label") == "a0").then(pl.lit("")).otherwise("suffix"),
        new=pl.col("label") == "a1",
    )
    chosen = drawing.emphasise(frame, ["task"], "x", 1).filter("emphasis")["label"]
    assert set(chosen) == {"a0", "a1", "a8"}


def test_a_condition_gives_what_the_words_of_altair_give():
    pick = alt.selection_point(name="pick", fields=["label"])
    for test in (pick, "datum.new"):
        words = alt.when(test).then(alt.value(1.0)).otherwise(alt.value(0.1))
        chart = alt.Chart(pl.DataFrame({"x": [1]})).mark_point()
        ours = chart.encode(opacity=drawing.choose(alt.OpacityValue, test, 1.0, 0.1))
        theirs = chart.encode(opacity=words)
        assert ours.encoding.to_dict() == theirs.encoding.to_dict()


@pytest.mark.parametrize("ends", [(1.0, 1.001, 1.002), (1.0, 1.9, 1.99), (1.0, 1.5, 2.0)])
def test_names_at_the_ends_never_touch_and_stay_inside(ends):
    labels = ("position=p0", "size.K=8,position=p1", "position=p2")
    frame = _lines(dict(zip(labels, ends, strict=True)))
    scale, height = alt.Scale(domain=(0.0, 4.0)), 100
    names = drawing.end_names(
        frame, alt.X("x:Q"), scale, drawing.picker(frame), drawing.series(frame), height
    )
    rows = names[0].data
    assert rows["short"].to_list() == ["p0", "K=8,p1", "p2"]
    gaps = rows["place"].diff().drop_nulls()
    assert (gaps >= 12 * 4.0 / height - 1e-9).all() and rows["place"].max() <= 4.0


def test_many_lines_or_one_have_no_names_at_their_ends():
    for count in (1, 9):
        frame = _lines({f"a{i}": float(i) for i in range(count)})
        scale = alt.Scale(domain=(0.0, 20.0))
        assert not drawing.end_names(
            frame, alt.X("x:Q"), scale, drawing.picker(frame), drawing.series(frame), 100
        )
