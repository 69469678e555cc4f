"""What a run's summary says: solved in range, the step of the circuit, divergence."""

import subprocess
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from kexue_pipe.evaluate import check_optimum, in_range_accuracy, run_row

TASK = SimpleNamespace(train_length=64, chance=0.05, solved_at=0.95)
ENTRY = {"seed": 0, "status": "finished", "steps": 100}


def training(*accuracy: float, seed: int = 0) -> pl.DataFrame:
    steps = range(20, 20 * len(accuracy) + 1, 20)
    wide = {"seed": seed, "step": steps, "loss": [1.0 / s for s in steps], "accuracy": accuracy}
    return pl.DataFrame(wide).unpivot(index=["seed", "step"], variable_name="quantity")


def sweep(length: int, correct: int, extension: str = "none") -> pl.DataFrame:
    row = {"extension": extension, "protocol": "fixed", "stream": "repeat", "bin_by": "position"}
    return pl.DataFrame([row | {"length": length, "n": 100, "correct": correct}])


@pytest.mark.parametrize(("correct", "solved"), [(94, False), (95, True)])
def test_solved_is_the_accuracy_at_the_training_length(correct: int, solved: bool) -> None:
    rows = pl.concat([sweep(64, correct), sweep(128, 100), sweep(64, 100, "window")])
    assert in_range_accuracy(rows, 64) == correct / 100
    row = run_row(ENTRY, TASK, training(0.1, 0.4, 0.5, 0.9), rows)
    assert row["solved"].item() is solved
    assert row["circuit_step"].item() == 60  # half-way from 0.05 to 0.95 is 0.5


def test_what_was_not_measured_at_the_training_length_is_not_judged() -> None:
    row = run_row(ENTRY, TASK, training(0.1, 0.2), sweep(128, 100))
    assert row["solved"].item() is None and row["circuit_step"].item() is None


def test_a_diverged_run_is_not_solved() -> None:
    row = run_row(ENTRY | {"status": "diverged"}, TASK, training(0.9), None)
    assert row["status"].item() == "diverged" and row["solved"].item() is False


def test_a_task_without_a_threshold_is_never_judged() -> None:
    task = SimpleNamespace(train_length=64, chance=0.05, solved_at=None)
    row = run_row(ENTRY, task, training(0.9), sweep(64, 100))
    assert row.select("solved", "circuit_step").row(0) == (None, None)
    assert row["final_loss"].item() == pytest.approx(1 / 20)


def test_the_final_loss_is_that_of_the_own_seed() -> None:
    both = pl.concat([training(0.1, 0.2), training(0.1, seed=1)])
    assert run_row(ENTRY, TASK, both, sweep(64, 100))["final_loss"].item() == pytest.approx(1 / 40)


def losses(mean: float, spread: float, n: int) -> pl.DataFrame:
    sums = {"loss_sum": n * mean, "loss_sq": n * (mean**2 + spread**2), "n": n}
    return sweep(64, 0).with_columns(**{name: pl.lit(value) for name, value in sums.items()})


def test_a_loss_clearly_below_the_smallest_possible_one_is_a_leak() -> None:
    check_optimum(losses(0.97, 1.0, 100), {"repeat": 0.99})  # within 4 x 0.1
    check_optimum(losses(0.1, 0.0, 100), {"repeat": None})
    check_optimum(losses(0.1, 0.0, 100), {})
    with pytest.raises(ValueError, match="leak their answers.*0.5800 nats at length 64"):
        check_optimum(losses(0.58, 1.0, 100), {"repeat": 0.99})


def test_counting_imports_no_compiler() -> None:
    code = (
        "import sys, torch; from kexue_pipe import evaluate; evaluate.count_without_compiler();"
        "x = torch.ones(2, 3); counter = evaluate.flop_counter.FlopCounterMode(display=False)\n"
        "with counter: x @ x.T\n"
        "print(counter.get_total_flops(), 'torch._dynamo' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout.strip() == "24 False", output.stderr
