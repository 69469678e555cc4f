"""What a dry run shows: the jobs of Snakemake's summary, and minutes from past seconds."""

from collections import defaultdict

import pytest

from kexue_pipe.command import forecast

SUMMARY = """\
output_file\tdate\trule\tlog-file(s)\tstatus\tplan
results/report/smoke.html\t-\treport\t-\tmissing\tupdate pending
results/tables/smoke/runs.parquet\t-\tcollect\t-\tmissing\tupdate pending
results/tables/smoke/timing.parquet\t-\tcollect\t-\tmissing\tupdate pending
results/evaluate/task=text/runs.parquet\t-\tevaluate\t-\tok\tno update
results/train/task=text/checkpoints.json\t-\ttrain\t-\tok\tupdate pending
"""


def test_the_jobs_of_a_summary_stand_in_their_order() -> None:
    assert forecast.pending(SUMMARY) == [
        ("train", "task=text"),
        ("collect", "smoke"),
        ("report", "smoke"),
    ]
    assert forecast.pending("output_file\tplan\n") == []


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    train = {
        "stage": "train",
        "digest": "d",
        "seeds": 3,
        "nodes": {"task": {"train": {"steps": 100, "batch_size": 4}}},
    }
    evaluate = {"stage": "evaluate", "inputs": {"seeds": 2}}
    monkeypatch.setitem(forecast.PLANNED, "train", lambda name: (train, {}))
    monkeypatch.setitem(forecast.PLANNED, "evaluate", lambda name: (evaluate, {}))


def test_seconds_follow_past_work_and_seeds_that_are_not_in_the_store(planned) -> None:
    past = {
        ("train", "text", "small"): [0.02, 0.01, 0.4],
        ("evaluate", "text", "small"): [5.0],
        ("report",): [9.0, 7.0],
    }
    past = defaultdict(list, past)
    assert forecast.expected("train", "task=text,position=alibi", past) == 0.02 * 400 * 3
    (forecast.STORE / "d").mkdir(parents=True)
    (forecast.STORE / "d/seed-0.json").write_text("{}")
    assert forecast.expected("train", "task=text", past) == 0.02 * 400 * 2
    assert forecast.expected("evaluate", "task=text", past) == 10.0
    assert forecast.expected("report", "smoke", past) == 8.0
    assert forecast.expected("train", "task=text,size=smoke", past) is None
    assert forecast.expected("claims", "smoke", past) is None
