"""Combinations that mean nothing are refused before anything runs, with a reason."""

import pytest

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant

ROTARY = ["pi", "ntk_old", "ntk", "ntk_fixed", "ntk_mixed", "ntk_dynamic", "yarn"]
FOLDED = ["rerope", "leaky_rerope", "self_extend", "lambda_mask"]


@pytest.mark.parametrize("extension", ROTARY + FOLDED)
@pytest.mark.parametrize("position", ["alibi", "none", "t5", "sinusoidal", "cope"])
def test_extensions_of_rotations_need_a_rotation(extension: str, position: str) -> None:
    with pytest.raises(Refused, match=f"extension={extension} does not apply"):
        variant([f"position={position}", f"extension=[none,{extension}]"])
    assert extension not in variant([f"position={position}"]).nodes["extension"]


@pytest.mark.parametrize("extension", ROTARY + FOLDED)
def test_extensions_of_distances_need_ordinal_ids(extension: str) -> None:
    with pytest.raises(Refused, match=f"extension={extension} does not apply"):
        variant(["position_ids=randomised", f"extension={extension}"])


@pytest.mark.parametrize("position", ["alibi", "t5", "kerple_log", "sandwich", "fire", "cope"])
def test_biases_need_an_attention_that_has_scores(position: str) -> None:
    with pytest.raises(Refused, match=f"position={position} does not go with attention=linear"):
        variant([f"position={position}", "attention=linear"])


@pytest.mark.parametrize("position", ["rope", "rope_2d", "xpos", "alibi"])
def test_state_spaces_have_no_queries_and_no_scores(position: str) -> None:
    with pytest.raises(Refused, match=f"position={position} does not go with attention=s4d"):
        variant([f"position={position}", "attention=s4d"])


@pytest.mark.parametrize(
    ("kernel", "discretisation"),
    [("s4", "zoh"), ("s4", "none"), ("s4d", "none"), ("rtf", "zoh"), ("rtf", "bilinear")],
)
def test_kernels_need_their_kind_of_discretisation(kernel: str, discretisation: str) -> None:
    found = f"kernel={kernel} does not go with attention.discretisation={discretisation}"
    with pytest.raises(Refused, match=found):
        variant(
            [
                "attention=ssm",
                f"attention/kernel={kernel}",
                f"attention/discretisation={discretisation}",
            ]
        )


@pytest.mark.parametrize("extension", [*FOLDED, "window", "bca", "logn_clip"])
def test_masks_and_scores_need_an_attention_that_has_scores(extension: str) -> None:
    with pytest.raises(Refused, match=f"extension={extension} does not apply"):
        variant(["attention=linear", f"extension={extension}"])


def test_clipped_log_n_needs_a_scale_without_log_n() -> None:
    for attention in ("logn", "hwfa"):
        with pytest.raises(Refused, match="extension=logn_clip does not apply"):
            variant([f"attention={attention}", "extension=logn_clip"])


@pytest.mark.parametrize("ids", ["grid", "rope_tie", "rope_tv", "m_rope"])
def test_rows_and_columns_need_a_position_that_reads_them(ids: str) -> None:
    with pytest.raises(Refused, match=f"position_ids={ids} does not go with position=rope"):
        variant(["position=rope", f"position_ids={ids}"])


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["position=learned", "task.evaluate.lengths=[4096]"], "beyond the table has no row"),
        (["position_ids=randomised", "task.evaluate.lengths=[4096]"], "a place for every token"),
        (["extension.leaky_rerope.k=2"], "must hold"),
        (["task=recall", "task.num_pairs=40"], "holds all pairs"),
        (["position=t5", "position.max_distance=128"], "never trained"),
        (["model.evaluate.clipped=[rerop]"], "must be one of"),
        (["attention=hwfa", "attention.near.mask.width=60"], "no distance to learn"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(overrides: list[str], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        variant(overrides)


def test_a_leaky_step_that_leads_beyond_training_can_be_asked_for() -> None:
    variant(["extension.leaky_rerope.k=2", "extension.leaky_rerope.allow_beyond=true"])
    variant(["extension.leaky_rerope.k=2", "task.evaluate.lengths=[64]"])


@pytest.mark.parametrize("metric", ["hoyer", "entropy_norm", "pr", "pmax"])
def test_measures_that_fail_cloning_are_not_drawn_against_the_length(metric: str) -> None:
    asked = f"chart.concentration_by_length.metrics=[conc,{metric}]"
    with pytest.raises(Refused, match=f"metrics={metric}: .* when every key is duplicated"):
        variant([asked])
    assert variant([f"chart.layer_head_map.metrics=[{metric}]"])  # rows of one length
