"""Facts about labels: short, unique within a task, and the same colour everywhere."""

import polars as pl

from kexue_pipe.core import drawing, theme


def _variants(*names: str) -> pl.DataFrame:
    rows = []
    for name in names:
        parts = dict(part.split("=", 1) for part in name.split(","))
        images = parts["task"] == "patches"
        chosen = {"position": "" if images else parts.get("position", "rope")}
        chosen |= {"attention": "" if images else "softmax"}
        chosen |= {"quantizer": parts.get("quantizer", "none") if images else ""}
        chance = None if images else 0.1
        rows.append({"variant": name, "task": parts["task"], "chance": chance} | chosen)
    return pl.DataFrame(rows, schema_overrides={"chance": pl.Float64})


def test_what_all_variants_share_is_left_out():
    frame = theme.identify(_variants("task=text,size=smoke", "task=text,position=alibi,size=smoke"))
    assert frame["label"].to_list() == ["rope · softmax", "position=alibi"]


def test_settings_that_a_task_shares_belong_to_its_panel():
    frame = theme.identify(
        _variants(
            "task=text",
            "task=text,position=alibi",
            "task=grid,size.evaluate.max_factor=4",
            "task=grid,position=alibi,size.evaluate.max_factor=4",
            "task=repeat,task.num_symbols=8",
            "task=repeat,position=alibi,task.num_symbols=8",
            "task=recall,model.convolution=4",
            "task=recall,position=alibi,model.convolution=4",
        )
    )
    assert set(frame["label"]) == {"rope · softmax", "position=alibi"}
    assert frame.group_by("task").agg(pl.col("label").n_unique())["label"].to_list() == [2] * 4


def test_settings_that_differ_within_a_task_stay():
    names = ("task=repeat", "task=repeat,task.num_symbols=8", "task=text")
    frame = theme.identify(_variants(*names))
    assert frame["label"].to_list() == ["rope · softmax", "task.num_symbols=8", "rope · softmax"]


def test_a_choice_that_a_task_shares_stays_in_the_label():
    frame = theme.identify(_variants("task=text", "task=grid,position=alibi"))
    assert frame["label"].to_list() == ["rope · softmax", "position=alibi"]


def test_a_label_has_one_colour_in_every_chart():
    names = [
        f"task={task}{rest}" for task in ("text", "repeat") for rest in ("", ",position=alibi")
    ]
    frame = theme.identify(_variants(*names, "task=text,position=none", "task=patches"))
    few = frame.filter(task="repeat")
    every, some = (drawing.series(part)["color"].to_dict() for part in (frame, few))
    colour = dict(zip(every["scale"]["domain"], every["scale"]["range"], strict=True))
    for label, value in zip(some["scale"]["domain"], some["scale"]["range"], strict=True):
        assert colour[label] == value
    assert frame.sort("order")["task"].to_list()[-1] == "patches"


def test_a_tooltip_formats_numbers_and_never_shows_a_missing_one_as_zero():
    frame = pl.DataFrame({"label": ["a", "b"], "mean": [1.0, 2.0], "low": [None, 1.0], "k": [1, 3]})
    told = [tooltip.to_dict() for tooltip in theme.tooltip(frame, "label", "mean", "low", "k", "x")]
    assert [(t["field"], t["type"], t.get("format")) for t in told] == [
        ("label", "nominal", None),
        ("mean", "quantitative", ",.4~g"),
        ("low", "nominal", None),
        ("k", "quantitative", "d"),
    ]
