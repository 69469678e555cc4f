"""Facts about the report stage: one offline file, what is in it, harmless names, two languages."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kexue_pipe import report
from kexue_pipe.chart.cost_quality import COSTS
from kexue_pipe.core import theme
from kexue_pipe.core.language import Language
from kexue_pipe.core.tables import empty
from kexue_pipe.page import plots
from kexue_pipe.page.page import number
from tests import pages

TESTS = Path(__file__).parent
SYNTHETIC = SimpleNamespace(**runpy.run_path(str(TESTS / "chart" / "conftest.py")))
PLAN = pages.PLAN


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    return pages.page(tmp_path_factory.mktemp("report"), pages.evil_tables()).read_text()


def test_the_page_is_one_small_file_that_loads_nothing(html):
    assert len(html.encode()) < 5_000_000
    body = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert not re.search(r"""(src|action)\s*=\s*["']?\s*(https?:)?//""", body)
    assert not re.search(
        r"<script[^>]+src=|<link|@import|url\(", body + "".join(html.split("<script>")[:1])
    )


def test_names_never_leave_their_place(html):
    assert "<script>document" not in html and "<img src=x" not in html
    assert html.count("</script>") == html.count("<script")


def test_the_same_tables_give_the_same_bytes(tmp_path):
    first = pages.page(tmp_path, SYNTHETIC.raw_tables()).read_bytes()
    assert first == pages.page(tmp_path, SYNTHETIC.raw_tables()).read_bytes()


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
    assert "<dt>variants</dt><dd>0</dd>" in html and "No interval" in html


def test_fewer_than_three_seeds_state_nothing_and_say_so():
    html = report.render(PLAN, SYNTHETIC.prepared(1))
    assert "No interval: there are fewer than 3 seeds" in html
    assert "n\u00a0=\u00a01 seed: no interval." in html


def test_the_first_screen_says_what_was_run(html):
    head = html.partition("<nav")[0]
    rows = SYNTHETIC.raw_tables()
    assert f"<dt>variants</dt><dd>{rows['variants'].height}</dd>" in head
    assert f"<dt>training runs</dt><dd>{rows['runs'].height}</dd>" in head
    minutes = rows["timing"]["cpu_seconds"].sum() / 60
    assert f"<dt>CPU-minutes of training</dt><dd>{minutes:.1f}</dd>" in head
    assert all(task in head for task in rows["variants"]["task"])


def test_a_card_has_formula_source_parameters_users_and_costs(html):
    card = html.partition('id="card-position-alibi"')[2].partition("</details>")[0]
    assert "<math" in card and "2108.12409" in card and "max_exponent" in card
    name = card.partition("Cost of ")[2].partition(":")[0]
    rows = SYNTHETIC.raw_tables()["variants"].filter(variant=name)
    assert f"{number(rows['parameters'][0])} parameters" in card
    assert "#variant=task%3Dtext%2Cposition%3Dalibi" in card
    assert 'href="#post-9431"' in card


def test_scores_stand_beside_their_costs(html):
    table = html.partition('<section id="costs"')[2].partition("</table>")[0]
    row = table.partition("#variant=task%3Dtext%2Cposition%3Dalibi")[2].partition("</tr>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[:3] == ["2.56", "2.55", "bits"]
    assert cells[3:7] == [number(n) for n in (131072, 229376, 512, 0)]
    image = table.partition("#variant=task%3Dpatches%2Cquantizer%3Dfsq")[2].partition("</tr>")[0]
    assert re.findall(r"<td[^>]*>(.*?)</td>", image)[:3] == ["24", "–", "dB"]


def test_every_post_has_its_row_and_missing_components_are_struck_out(html):
    table = html.partition('<section id="posts">')[2].partition("</section>")[0]
    assert table.count("<tr id=") == 36
    assert "<s aria-label=" in table and 'href="#card-quantizer-fsq"' in table


def test_provenance_holds_digest_commit_versions_data_and_machine(html):
    part = html.partition('<section id="provenance">')[2]
    assert all(word in part for word in (PLAN["digest"], PLAN["git"], "f00d" * 16, "x86", "altair"))


def test_claims_come_with_verdicts_scores_and_posts():
    rows = {"claim": ["b", "a"], "post": [9431, 9826], "verdict": ["supported", "contradicted"]}
    rows |= {"statement": ["Windows extrapolate.", "FSQ beats VQ."], "mean": [0.5, None]}
    rows |= {"direction": ["greater", "greater"], "smallest": [0.1, 0.1], "unit": ["bits", "dB"]}
    claims = pl.concat([empty("claims"), pl.DataFrame(rows)], how="diagonal")
    seeds = {"claim": ["b"] * 3, "side": ["left", "left", "right"], "seed": [0, 1, 0]}
    values = pl.DataFrame(seeds | {"value": [1.0, 2.0, 1.5]})
    html = report.render(PLAN, SYNTHETIC.prepared() | {"claims": claims, "claim_values": values})
    assert html.count('r="3.5"') == 3 and "left - right is at least 0.1 bits" in html
    assert "kexue-pipe claim=b" in html
    assert "<b>1</b> supported" in html and "<b>0</b> inconclusive" in html
    assert html.index('id="claim-b"') < html.index('id="claim-a"')
    post = html.partition('id="post-9431"')[2].partition("</tr>")[0]
    assert '<a href="#claim-b">supported</a>' in post


def test_baseline_rows_stand_beside_new_ones(tmp_path):
    tables = SYNTHETIC.raw_tables()
    alibi = pl.col("variant") == "task=text,position=alibi"
    beside = pages.write({k: t.filter(~alibi) for k, t in tables.items()}, tmp_path / "beside")
    own = pages.write({k: t.filter(alibi) for k, t in tables.items()}, tmp_path / "own")
    loaded = report.load(own, beside, PLAN)
    assert loaded["variants"].height == tables["variants"].height
    assert loaded["variants"].filter("new")["label"].to_list() == ["position=alibi"]
    assert loaded["variants"].filter("new")["order"].to_list() == [0]


def test_labels_leave_out_what_all_variants_share():
    names = ["task=text,size=smoke", "task=text,position=alibi,size=smoke"]
    frame = SYNTHETIC.raw_tables()["variants"].head(2).with_columns(variant=pl.Series(names))
    assert theme.identify(frame)["label"].to_list() == ["rope · softmax", "position=alibi"]


def test_chinese_has_every_sentence_of_the_page_and_keeps_numbers():
    chinese = Language("zh")
    sources = [*pages.FOLDER.glob("*.html"), *pages.FOLDER.glob("*.py")]
    said = r'\b(?:t|language)\(\s*"((?:[^"\\]|\\.)*)"'
    sentences = re.findall(said, "".join(path.read_text() for path in sources))
    sentences = [s.replace("\\u00a0", "\u00a0") for s in sentences if s.strip()]
    assert len(sentences) > 60 and not [s for s in sentences if s not in chinese.known]
    for english, translated in chinese.known.items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", translated))
    tables = SYNTHETIC.prepared()
    dead = tables["training"].filter(quantity="dead")
    lengths = [dead.with_columns(quantity=pl.lit(name)) for name in ("latent_norm", "code_norm")]
    tables |= {"training": pl.concat([tables["training"], *lengths])}
    html = report.render(PLAN | {"nodes": PLAN["nodes"] | {"language": "zh"}}, tables)
    seen = ('<html lang="zh">', "长度外推</a></h2>", "查询与键按位置旋转")
    assert all(text in html for text in seen)
    titles = yaml.safe_load((TESTS.parent / "kexue_pipe/core/language_zh/charts.yaml").read_text())
    known = {key: re.sub(r"\\\{\w\\\}", r"\\S+", re.escape(zh)) for key, zh in titles.items()}
    stale = {key for key in known if not re.search(known[key].replace("<", r"\\u003c"), html)}
    assert stale <= {*COSTS.values()}, "no chart says these; costs that are equal have no panel"
    posts = yaml.safe_load((TESTS.parent / "kexue_pipe/page/posts.yaml").read_text())
    assert all(post["title"] in html for post in posts if '"' not in post["title"])


def test_another_language_is_refused_by_name():
    with pytest.raises(ValueError, match="language=fr is none of en, zh"):
        report.render(PLAN | {"nodes": PLAN["nodes"] | {"language": "fr"}}, SYNTHETIC.prepared())


def test_data_stand_once_as_columns_and_make_the_same_rows():
    html = report.render(PLAN, SYNTHETIC.prepared())
    name, pattern = "training_curve", r'id="content-{}">(.*?)</script>'
    content = json.loads(re.search(pattern.format(name), html, re.S)[1])
    assert "datasets" not in content["spec"] and '"values":[{' not in json.dumps(content["spec"])
    assert set(content["rows"]) <= set(content["data"])
    for data in content["data"].values():
        for column in data["columns"].values():
            values = column if isinstance(column, list) else column.get("at", [0] * data["n"])
            assert len(values) == data["n"]


def test_the_report_imports_no_torch():
    modules = [f"kexue_pipe.chart.{path.stem}" for path in SYNTHETIC.CONF.glob("*.yaml")]
    code = (
        f"import sys, {', '.join(['kexue_pipe.report', *modules])}; print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TESTS.parent
    )
    assert result.stdout.strip() == "False"


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(), st.floats(allow_nan=False) | st.none()),
        max_size=9,
    )
)
def test_columns_of_the_page_are_the_rows_of_the_frame(rows) -> None:
    schema = {"word": pl.String, "count": pl.Int64, "value": pl.Float64}
    rows = [(word, count % 2**60, value) for word, count, value in rows]
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(constant=pl.lit("c"))
    assert plots.decode(plots.encode(frame)) == frame.to_dicts()
