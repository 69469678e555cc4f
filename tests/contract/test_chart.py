"""What every chart owes, found by glob: it is pure, renders, and bears empty tables."""

import importlib
import json
import runpy
import time
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import vl_convert
import yaml
from altair.utils import schemapi
from polars.testing import assert_frame_equal

from kexue_pipe.core import theme
from kexue_pipe.report import SECTIONS

TESTS = Path(__file__).parents[1]
SYNTHETIC = SimpleNamespace(**runpy.run_path(str(TESTS / "chart" / "conftest.py")))
NAMES = sorted(path.stem for path in SYNTHETIC.CONF.glob("*.yaml"))


def _module(name: str):
    return importlib.import_module(f"kexue_pipe.chart.{name}")


@pytest.fixture(scope="module", params=[3, 1], ids=["3 seeds", "1 seed"])
def tables(request) -> dict[str, pl.DataFrame]:
    return SYNTHETIC.prepared(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_yaml_names_its_module_and_its_place(name):
    path = SYNTHETIC.CONF / f"{name}.yaml"
    first, second = path.read_text().splitlines()[:2]
    node = yaml.safe_load(path.read_text())
    assert first == f"# @package chart.{name}" and second.startswith("# ")
    assert node["_target_"] == f"kexue_pipe.chart.{name}.draw"
    assert node["_section_"] in SECTIONS and isinstance(node["_order_"], int)
    assert node["_title_"] and "seeds" in node["_caption_"]
    assert ("_title_zh_" in node) == ("_caption_zh_" in node)  # without them it stays English


@pytest.mark.parametrize("name", NAMES)
def test_renders(name, tables):
    module, knobs = _module(name), SYNTHETIC.knobs(name)
    frame = theme.compact(module.data(tables, **knobs))
    spec = module.draw(frame, **knobs).to_dict()
    assert spec == module.draw(frame, **knobs).to_dict()
    text = json.dumps(spec, allow_nan=False)
    assert vl_convert.vegalite_to_png(text)[:8] == b"\x89PNG\r\n\x1a\n"
    assert "mark-" in vl_convert.vegalite_to_svg(text)


def _selections(spec: dict) -> list[dict]:
    own = [param for param in spec.get("params", []) if "select" in param]
    for key in ("concat", "layer"):
        own += [param for part in spec.get(key, []) for param in _selections(part)]
    return own + (_selections(spec["spec"]) if "spec" in spec else [])


@pytest.mark.parametrize("name", NAMES)
def test_the_selection_that_links_charts_is_one_of_variants(name, tables):
    module, knobs = _module(name), SYNTHETIC.knobs(name)
    spec = module.draw(module.data(tables, **knobs), **knobs).to_dict()
    for param in _selections(spec):
        (field,) = param["select"]["fields"]
        menu = isinstance(
            param.get("bind"), dict
        )  # a menu chooses what is drawn, and links nothing
        assert param["name"] == (field if menu else "pick" if field == "label" else f"pick_{field}")
        assert len(param["views"]) == 1 or param.get("bind") != "legend"


def test_charts_of_a_suite_as_large_as_the_default_fit_in_the_page():
    scaled = SimpleNamespace(**runpy.run_path(str(TESTS / "chart" / "scaled_tables.py")))
    tables = scaled.default()
    tables |= {"variants": theme.identify(tables["variants"]), "metrics": scaled.metrics()}
    size, began = 0, time.process_time()
    for name in NAMES:
        module, knobs = _module(name), SYNTHETIC.knobs(name)
        frame = module.data(tables, **knobs)
        if frame.height:
            with schemapi.debug_mode(False):
                spec = module.draw(theme.compact(frame), **knobs).to_dict(validate=False)
            size += len(json.dumps(spec, separators=(",", ":")))
    assert size < 2_500_000
    assert time.process_time() - began < 20  # 3 to 4 s on one idle core; it was 9 s


@pytest.mark.parametrize("name", NAMES)
def test_data_is_a_function_of_the_rows_and_not_of_their_order(name, tables):
    module, knobs = _module(name), SYNTHETIC.knobs(name)
    first = module.data(tables, **knobs)
    shuffled = {
        key: frame.sample(fraction=1, shuffle=True, seed=1) for key, frame in tables.items()
    }
    second = module.data(shuffled, **knobs)
    keys = [column for column in first.columns if first.schema[column] != pl.List(pl.Int64)]
    assert_frame_equal(first.sort(keys), second.sort(keys))


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_in_give_no_rows_out(name, tables):
    rows = {key: frame.clear() for key, frame in tables.items()}
    assert _module(name).data(rows, **SYNTHETIC.knobs(name)).is_empty()
    rows = {key: tables[key] if key in ("variants", "metrics") else rows[key] for key in rows}
    assert _module(name).data(rows, **SYNTHETIC.knobs(name)).is_empty()


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_over_row_lengths_takes_only_metrics_that_compare_across_them(name, tables):
    knobs = SYNTHETIC.knobs(name)
    chosen = {"metric", "metrics"} & knobs.keys()
    if chosen and "row_length" in _module(name).data(tables, **knobs).columns:
        allowed = yaml.safe_load((SYNTHETIC.CONF / f"{name}.yaml").read_text())["_allowed_"]
        assert {*allowed[chosen.pop()]} == {"options of metric with _across_lengths_"}
