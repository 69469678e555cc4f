"""Facts about the report: one offline page, all charts drawn in a browser, harmless names."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import yaml

from kexue_pipe import report
from kexue_pipe.core import findings, theme

TESTS = Path(__file__).parent
SYNTHETIC = SimpleNamespace(**runpy.run_path(str(TESTS / "chart" / "conftest.py")))
EVIL = "task=text,position=<script>document.title='owned'</script><img src=x onerror=alert(1)>"
METRICS = {
    row["metric"]: {"_unit_": row["unit"], "_across_lengths_": row["across_lengths"]}
    for row in SYNTHETIC.metrics().iter_rows(named=True)
}
PLAN = {
    "suite": "default",
    "nodes": {
        "chart": {p.stem: yaml.safe_load(p.read_text()) for p in SYNTHETIC.CONF.glob("*.yaml")},
        "metric": METRICS,
    },
    "skipped": [{"name": "task=text,attention=x", "reason": "it needs </script> a score matrix"}],
    "versions": {"altair": "6"},
    "sources": {},
}


def _write(tables: dict[str, pl.DataFrame], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for kind, frame in tables.items():
        frame.write_parquet(folder / f"{kind}.parquet")
    return folder


def _page(folder: Path, tables: dict[str, pl.DataFrame]) -> Path:
    (folder / "plan.json").write_text(json.dumps(PLAN))
    arguments = [folder / "plan.json", _write(tables, folder / "tables"), folder / "page.html"]
    command = [sys.executable, "-m", "kexue_pipe.report", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=TESTS.parent)
    return folder / "page.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    tables = SYNTHETIC.raw_tables()
    rename = pl.col("variant").replace("task=text,position=none", EVIL)
    return _page(
        tmp_path_factory.mktemp("report"), {k: t.with_columns(rename) for k, t in tables.items()}
    )


def _dom(page: Path) -> str:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
    if browser is None:
        pytest.skip("needs a Chromium on PATH to look at the page")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000"]
    command = [browser, *flags, f"--user-data-dir={page.parent / 'profile'}", "--dump-dom"]
    return subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout


def test_a_browser_draws_every_chart_and_runs_no_script_of_a_name(page):
    dom = _dom(page)
    number = len(PLAN["nodes"]["chart"])
    assert dom.count('data-drawn="true"') == number
    assert len(re.findall(r'<svg[^>]*class="marks"', dom)) == number
    assert 'class="error"' not in dom
    assert "<title>kexue_pipe: default</title>" in dom and "onerror=alert(1)&gt;" in dom


def test_the_page_is_one_small_file_that_loads_nothing(page):
    html = page.read_text()
    assert len(html.encode()) < 5_000_000
    body = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert not re.search(r"""(src|href|action)\s*=\s*["']?\s*(https?:)?//""", body)
    assert not re.search(
        r"<script[^>]+src=|<link|@import|url\(", body + "".join(html.split("<script>")[:1])
    )


def test_names_never_leave_their_place(page):
    html = page.read_text()
    assert "<script>document" not in html and "<img src=x" not in html
    assert html.count("</script>") == html.count("<script")


def test_the_same_tables_give_the_same_bytes(tmp_path):
    first = _page(tmp_path, SYNTHETIC.raw_tables()).read_bytes()
    assert first == _page(tmp_path, SYNTHETIC.raw_tables()).read_bytes()


def test_charts_and_sections_without_rows_are_left_out():
    tables = SYNTHETIC.prepared()
    tables = {
        k: t if "variant" not in t.columns else t.filter(pl.col("variant") == "task=text")
        for k, t in tables.items()
    }
    html = report.render(PLAN, tables)
    assert 'id="chart-fixed_token_sweep"' in html and 'id="chart-rate_distortion"' not in html
    assert 'id="quantizers"' not in html and 'href="#quantizers"' not in html


def test_tables_without_any_row_still_give_a_page():
    html = report.render(
        {"suite": "empty"}, {k: t.clear() for k, t in SYNTHETIC.prepared().items()}
    )
    assert "0 variants" in html and "No interval" in html


def test_fewer_than_three_seeds_state_nothing_and_say_so():
    html = report.render(PLAN, SYNTHETIC.prepared(1))
    assert "No interval: there are fewer than 3 seeds" in html
    assert "n\u00a0=\u00a01 seed: no interval." in html


def test_baseline_rows_stand_beside_new_ones(tmp_path):
    tables = SYNTHETIC.raw_tables()
    alibi = pl.col("variant") == "task=text,position=alibi"
    beside = _write({k: t.filter(~alibi) for k, t in tables.items()}, tmp_path / "beside")
    own = _write({k: t.filter(alibi) for k, t in tables.items()}, tmp_path / "own")
    loaded = report.load(own, beside, PLAN)
    assert loaded["variants"].height == tables["variants"].height
    assert loaded["variants"].filter("new")["label"].to_list() == ["position=alibi"]
    assert loaded["variants"].filter("new")["order"].to_list() == [0]
    assert any(
        s.startswith("At 64 tokens position=alibi is worse") for s in findings.findings(loaded)
    )


def test_findings_follow_the_sign_and_leave_out_what_is_small():
    sentences = findings.findings(SYNTHETIC.prepared())
    text = [s for s in sentences if "(text, natural documents, 3 seeds)" in s]
    growth = "rope · softmax gets worse by 3.20 bits per character [3.20, 3.20]"
    assert any(s.startswith(growth) for s in text)
    assert any("a test-time window repairs rope · softmax" in s for s in text)
    # alibi moves by 0.01 bits from 64 to 512 tokens, the window by 0.02: too small to matter
    assert not any(s.startswith("position=alibi gets") for s in text)
    assert not any(s.startswith("With the window") for s in sentences)
    assert any("quantizer=fsq at 0.38, by 1.00 dB [1.00, 1.00] over" in s for s in sentences)


def test_variants_that_are_not_solved_in_range_take_no_part_in_findings():
    repeat = [s for s in findings.findings(SYNTHETIC.prepared()) if "(repeat documents" in s]
    assert repeat and not any("position=none" in s for s in repeat)


def test_labels_leave_out_what_all_variants_share():
    names = ["task=text,size=smoke", "task=text,position=alibi,size=smoke"]
    frame = SYNTHETIC.raw_tables()["variants"].head(2).with_columns(variant=pl.Series(names))
    assert theme.identify(frame)["label"].to_list() == ["rope · softmax", "position=alibi"]


def test_the_report_imports_no_torch():
    modules = [f"kexue_pipe.chart.{path.stem}" for path in SYNTHETIC.CONF.glob("*.yaml")]
    code = (
        f"import sys, {', '.join(['kexue_pipe.report', *modules])}; print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TESTS.parent
    )
    assert result.stdout.strip() == "False"
