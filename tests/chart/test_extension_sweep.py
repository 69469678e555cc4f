"""Facts about the comparison of extensions."""

from kexue_pipe.chart import extension_sweep


def test_only_checkpoints_with_a_real_extension_have_a_panel(tables, knobs_of):
    frame = extension_sweep.data(tables, **knobs_of("extension_sweep"))
    assert frame.select("task", "label").unique().rows() == [("text", "rope · softmax")]
    assert set(frame["extension"]) == {"none", "window", "yarn"}


def test_the_unextended_model_comes_first(tables, knobs_of):
    frame = extension_sweep.data(tables, **knobs_of("extension_sweep"))
    assert frame.filter(order=0)["extension"].unique().to_list() == ["none"]
