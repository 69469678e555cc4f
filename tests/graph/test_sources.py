"""Digests of code: what it means counts, not how it is written down."""

import subprocess
import sys

import pytest

from kexue_pipe.graph import sources
from kexue_pipe.graph.cache import Cache
from kexue_pipe.graph.errors import Refused


def digest_of(tmp_path, monkeypatch, text: str) -> str:
    package = tmp_path / "kexue_pipe"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "thing.py").write_text(text)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    sources._known.cache_clear()
    try:
        return sources.module_digest("kexue_pipe.thing")
    finally:
        sources._known.cache_clear()


def test_comments_layout_and_docstrings_do_not_count(tmp_path, monkeypatch) -> None:
    plain = digest_of(tmp_path, monkeypatch, "def f(x):\n    return x + 1\n")
    same = '"""Doc."""\n\n\ndef f(x):  # why\n    "doc"\n    return (x\n            + 1)\n'
    assert digest_of(tmp_path, monkeypatch, same) == plain
    assert digest_of(tmp_path, monkeypatch, "def f(x):\n    return x + 2\n") != plain


def test_a_template_beside_a_module_counts(tmp_path, monkeypatch) -> None:
    (tmp_path / "kexue_pipe/thing_words").mkdir(parents=True)
    seen = [digest_of(tmp_path, monkeypatch, "x = 1\n")]
    for name in ("thing.html", "thing_words/a.yaml"):
        (tmp_path / "kexue_pipe" / name).write_text("<p>")
        seen.append(digest_of(tmp_path, monkeypatch, "x = 1\n"))
    assert len(set(seen)) == 3


def test_what_is_known_of_a_source_is_not_parsed_again(tmp_path, monkeypatch) -> None:
    kept = Cache(tmp_path / "kept.json", "this Python")
    monkeypatch.setattr(sources, "kept", lambda: kept)
    digest = digest_of(tmp_path, monkeypatch, "x = 1\n")
    kept.save()
    again = Cache(tmp_path / "kept.json", "this Python")
    monkeypatch.setattr(sources, "kept", lambda: again)
    monkeypatch.setattr(sources, "_imported", None)  # what parsing would call
    assert digest_of(tmp_path, monkeypatch, "x = 1\n") == digest
    with pytest.raises(TypeError):
        digest_of(tmp_path, monkeypatch, "x = 2\n")
    assert Cache(tmp_path / "kept.json", "another Python").entries == {}


def test_a_component_stands_on_core_and_not_on_its_siblings() -> None:
    closure = sources.closure("kexue_pipe.position.alibi")
    assert "kexue_pipe.core.contracts" in closure
    assert not any(name.startswith("kexue_pipe.position.r") for name in closure)


def test_training_does_not_stand_on_components_or_on_the_graph() -> None:
    closure = sources.closure("kexue_pipe.train")
    assert {name.split(".")[1] for name in closure if "." in name} <= {"core", "train"}


def test_signatures_are_read_without_importing() -> None:
    assert sources.signature("kexue_pipe.position.rope.Rope") == {"head_width", "base"}
    inherited = sources.signature("kexue_pipe.core.trained_table.TrainedTable")
    assert inherited and sources.signature("kexue_pipe.quantizer.vq.VQ") == inherited
    with pytest.raises(Refused, match="defines no Nope"):
        sources.signature("kexue_pipe.position.rope.Nope")
    with pytest.raises(Refused, match="no component of this package"):
        sources.split_target("os.system")


def test_the_graph_imports_no_torch() -> None:
    code = (
        "import sys; from kexue_pipe.graph import workflow, names, suites, worker; "
        "print(sorted(m for m in ('torch', 'polars', 'pyarrow', 'altair') if m in sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout.strip() == "[]", output.stderr
