"""Facts about figures as files: real SVG, atomic, and no file of another owner is touched."""

from xml.etree import ElementTree

import pytest
import vl_convert

from kexue_pipe.core import theme
from kexue_pipe.page import figures

SPEC = {
    "data": {"values": [{"x": 1, "y": 2}, {"x": 2, "y": 3}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y"}},
    "description": "two points <b>& more</b>",
    "config": theme.config(False),
}


def test_each_specification_gives_one_svg_with_its_marks(tmp_path):
    first, second = figures.write_figures({"b": SPEC, "a": SPEC}, tmp_path / "new")
    assert (first.name, second.name) == ("a.svg", "b.svg")
    root = ElementTree.fromstring(first.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and float(root.get("width")) > 50
    assert root[0].text == SPEC["description"]
    symbols = [path for path in root.iter() if path.get("aria-roledescription") == "point"]
    assert len(symbols) == 2


def test_figures_of_charts_that_are_gone_are_removed_and_other_files_stay(tmp_path):
    figures.write_figures({"old": SPEC, "kept": SPEC}, tmp_path)
    mine = tmp_path / "mine.svg"
    mine.write_text("<svg/>")
    figures.write_figures({"kept": SPEC}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.svg", "mine.svg"]
    assert mine.read_text() == "<svg/>"


def test_the_same_specification_gives_the_same_bytes_and_is_not_written_again(tmp_path):
    (path,) = figures.write_figures({"a": SPEC}, tmp_path)
    before = path.stat()
    figures.write_figures({"a": SPEC}, tmp_path)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_failure_leaves_the_old_figure_whole(tmp_path, monkeypatch):
    (path,) = figures.write_figures({"a": SPEC}, tmp_path)
    old = path.read_bytes()
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figures.write_figures({"a": SPEC | {"mark": "bar"}}, tmp_path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
