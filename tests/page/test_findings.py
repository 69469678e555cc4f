"""Facts about findings: they follow the data's sign, leave out what is small, and are few."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from kexue_pipe.page import findings

TESTS = Path(__file__).parents[1]
SYNTHETIC = SimpleNamespace(**runpy.run_path(str(TESTS / "chart" / "conftest.py")))
Tables = dict[str, pl.DataFrame]


def _only(tables: Tables, *tasks: str) -> Tables:
    names = tables["variants"].filter(pl.col("task").is_in(tasks))["variant"].to_list()
    return {
        kind: frame.filter(pl.col("variant").is_in(names)) if "variant" in frame.columns else frame
        for kind, frame in tables.items()
    }


def _with(tables: Tables, kind: str, **columns: pl.Expr) -> Tables:
    return tables | {kind: tables[kind].with_columns(**columns)}


@pytest.fixture(scope="module")
def text() -> Tables:
    return _only(SYNTHETIC.prepared(), "text")


def _telling(sentences: list[str], number: str) -> str:
    (sentence,) = (s for s in sentences if number in s)
    return sentence


def test_a_sentence_says_number_interval_scope_and_seeds(text):
    sentence = findings.findings(text)[0]
    # 5.6 bits with all, 2.38 with the window; what seeds share cancels
    assert sentence.startswith("At 512 tokens the default rope")
    assert "wins back 3.22 bits per character [3.22, 3.22] when, at test time" in sentence
    assert "only the last 64" in sentence
    assert sentence.endswith("(text, natural documents, 3 seeds).")


def test_an_effect_reversed_reverses_the_sentence(text):
    other = pl.col("extension").replace({"none": "window", "window": "none"})
    rope = pl.when(pl.col("variant") == "task=text").then(other).otherwise("extension")
    turned = findings.findings(_with(text, "extrapolation", extension=rope))
    assert "loses 3.22 bits per character" in _telling(turned, "when, at test time")


def test_no_effect_leaves_no_sentence(text):
    same = _with(text, "extrapolation", loss_sum=2.0 * pl.col("n"))
    same = _with(same, "attention", sum=2.0 * pl.col("n_rows"))
    assert findings.findings(same) == []


@pytest.mark.parametrize(("shift", "told"), [(0.04, False), (0.06, True)])
def test_an_effect_below_the_smallest_that_matters_is_not_told(text, shift, told):
    far = pl.when(pl.col("length") == 512).then(shift).otherwise(0.0)
    bits = pl.col("n") * 0.6931471805599453
    only = _with(text, "extrapolation", loss_sum=bits * (2.0 + far))
    only = {
        k: f.filter(variant="task=text") if "variant" in f.columns else f for k, f in only.items()
    }
    found = [s for s in findings.findings(only) if "bits per character" in s]
    assert bool(found) is told and all("when its context grows" in s for s in found)


def test_an_effect_that_one_seed_denies_is_not_told(text):
    seed = pl.when(pl.col("seed") == 0).then(0.1).otherwise(1.0)
    noisy = _with(text, "extrapolation", loss_sum=pl.col("loss_sum") * seed)
    noisy["extrapolation"] = noisy["extrapolation"].with_columns(
        loss_sum=pl.when(pl.col("extension") == "none").then("loss_sum").otherwise(1.0)
    )
    assert not any("wins back" in s for s in findings.findings(noisy))


def test_models_of_different_sizes_are_no_seeds_of_one(text):
    wide = {
        kind: frame.filter(variant="task=text").with_columns(
            pl.lit(f"{value}").alias(name)
            for name, value in (
                ("variant", "task=text,size.width=128"),
                ("suffix", "size.width=128"),
                ("label", "size.width=128"),
            )
            if name in frame.columns
        )
        for kind, frame in text.items()
        if "variant" in frame.columns
    }
    both = text | {kind: pl.concat([text[kind], frame]) for kind, frame in wide.items()}
    sentences = findings.findings(both)
    assert sentences and all("3 seeds" in sentence for sentence in sentences)
    named = [sentence for sentence in sentences if "size.width" in sentence]
    assert named and all("default rope · softmax, size.width=128" in sentence for sentence in named)


def test_chinese_sentences_have_the_same_numbers():
    tables = SYNTHETIC.prepared()
    english, chinese = (findings.findings(tables, language) for language in ("en", "zh"))
    assert len(english) == len(chinese) == findings.COUNT
    for one, other in zip(english, chinese, strict=True):
        assert sorted(re.findall(r"\d+\.?\d*", one)) == sorted(re.findall(r"\d+\.?\d*", other))
        assert re.search(r"[\u4e00-\u9fff]", other) and not re.search(r"[a-z]{4,} [a-z]{4,}", other)


def test_no_section_task_or_size_crowds_out_the_others():
    rules = {rule.name: rule for rule in findings.RULES}
    rows = [
        {"rule": rules[name], "task": task, "size": size, "ratio": ratio}
        for name, base in (("growth", 100), ("window", 90), ("rival", 80), ("quantizer", 2))
        for task, more in (("text", 5), ("repeat", 0))
        for size, ratio in (("small", base + more), ("medium", base + more + 1))
    ]
    told = list(findings.choose(rows))
    assert len(told) == findings.COUNT
    assert [row["rule"].section for row in told[:2]] == ["extrapolation", "quantizers"]
    for section in ("extrapolation", "quantizers"):
        of = [row for row in told if row["rule"].section == section]
        assert {row["task"] for row in of} == {"text", "repeat"}
        assert max(sum(row["task"] == task for row in of) for task in ("text", "repeat")) <= 2


def test_a_winner_that_was_chosen_on_these_data_is_called_so():
    sentence = _telling(findings.findings(SYNTHETIC.prepared()), "1.00 dB [1.00, 1.00]")
    assert "better than quantizer=vq at the same rate, 0.38" in sentence
    assert "of 2 quantizers of this rate, the best on these data" in sentence


def test_variants_that_are_not_solved_in_range_take_no_part():
    sentences = findings.findings(_only(SYNTHETIC.prepared(), "repeat", "recall"))
    assert sentences and not any("position=none" in s for s in sentences)


def test_new_variants_come_first():
    tables = _only(SYNTHETIC.prepared(), "text")
    new = pl.col("variant") == "task=text,position=alibi"
    first, second = findings.findings(_with(tables, "variants", new=new))[:2]
    assert first.startswith("position=alibi, which is new, is 3.05 bits")
    assert second.startswith("position=alibi, which is new, is 0.16 bits") and "worse" in second


def test_fewer_than_three_seeds_and_empty_tables_tell_nothing():
    assert findings.findings(SYNTHETIC.prepared(2)) == []
    assert findings.findings({k: f.clear() for k, f in SYNTHETIC.prepared().items()}) == []


def test_a_window_is_no_rival_where_answers_lie_beyond_it():
    tables = _only(SYNTHETIC.prepared(), "repeat")
    unseen = pl.when(pl.col("length") > 64).then("correct").otherwise(0)
    told = [
        {rule.name for rule in findings.RULES if list(rule.compare(known))}
        for known in (tables, _with(tables, "extrapolation", correct=unseen))
    ]
    assert "window" in told[0] and "window" not in told[1] and "variant" in told[1]
