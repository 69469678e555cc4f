"""Every attention with positions of every kind: causal, and the same rows in the open."""

import pytest
import torch

from kexue_pipe.core.contracts import Batch
from kexue_pipe.graph.options import CONF, options
from tests.contract.decoders import COMPOSED, V, draw_tokens, facts, read_yaml, small_decoder


def _fits(attention, position):
    gives = facts(f"attention/{attention}", "_gives_") | facts(f"position/{position}", "_gives_")
    needs = facts(f"attention/{attention}", "_needs_") | facts(f"position/{position}", "_needs_")
    return needs <= gives


# every attention with a position of each hook, every position with an attention of each family
ALL = [(a, p) for a in options("attention") for p in ("rope", "alibi", "cope")]
ALL += [(a, p) for a in ("softmax", "linear") for p in options("position")]
ALL += [(a, "none") for a in options("attention") if not _fits(a, "rope")]
ALL += [("mla", "rope_partial")]
PAIRS = [pair for pair in dict.fromkeys(ALL) if _fits(*pair)]


def _host(group, option):
    """An attention that has a part of the group, such as `mask`, at best this one."""
    parts = {n: dict(_parts(n)).get(group) for n in options("attention")}
    hosts = sorted((parts[n] != option, n) for n in parts if parts[n])
    return hosts[0][1]


def _parts(name):
    """The nested choices of a yaml file, after those of the one that it starts from."""
    for entry in read_yaml(f"attention/{name}").get("defaults", []):
        if isinstance(entry, dict):
            yield from ((key.removeprefix("override "), option) for key, option in entry.items())
        elif entry != "_self_":
            yield from _parts(entry)


def _numbers():
    """Every number of every file under conf/attention, as (overrides, key, value)."""
    for path in sorted((CONF / "attention").rglob("*.yaml")):
        *folder, name = path.relative_to(CONF / "attention").with_suffix("").parts
        overrides = [f"attention={name}"]
        if folder:
            overrides = [f"attention={_host(folder[0], name)}", f"attention/{folder[0]}={name}"]
        for key, value in read_yaml(path.relative_to(CONF).with_suffix("")).items():
            if key[0] != "_" and isinstance(value, int | float):
                yield overrides, ".".join(["attention", *folder, key]), value


@pytest.fixture
def build(compose_nodes):
    def make(*choices):
        if choices not in COMPOSED:
            COMPOSED[choices] = compose_nodes(["size=smoke", *choices])
        return small_decoder(COMPOSED[choices]).eval()  # a table of codes stands still

    return make


@pytest.fixture(params=PAIRS, ids=lambda pair: "-".join(pair))
def model(request, build):
    attention, position = request.param
    return build(f"attention={attention}", f"position={position}")


def _reads(model, length):
    """Each layer's attention with what it reads: (attention, x, pos, position)."""
    inputs = model.attention_inputs(draw_tokens(length))
    pos = torch.arange(length, dtype=torch.float32)
    return [(a, x, pos, model.position) for a, x in zip(model.attentions, inputs, strict=True)]


def test_gradient_reaches_every_parameter(model):
    tokens = draw_tokens(model.train_length)
    model.loss(Batch(tokens, tokens.roll(-1, 1)), torch.Generator()).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).any(), name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("length", [23, 101])
def test_future_tokens_do_not_change_the_past(model, length):
    model, tokens = model.double(), draw_tokens(length)
    changed = tokens.clone()
    changed[:, length // 2 :] = (tokens[:, length // 2 :] + 1) % V
    before, after = model(tokens), model(changed)
    difference = (before - after).abs().amax((0, 2))
    assert difference[: length // 2].max() < 1e-12 and difference[length // 2 :].min() > 0
    torch.testing.assert_close(model(tokens[:, :17]), before[:, :17], rtol=0, atol=1e-12)


@pytest.mark.parametrize("factor", [0, 16])
def test_one_token_and_a_length_far_beyond_training_are_finite(model, factor):
    with torch.no_grad():
        assert model(draw_tokens(max(1, factor * model.train_length))).isfinite().all()


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("length", [1, 70])
def test_rows_times_values_are_the_output(model, dtype, tolerance, length):
    subsets = [torch.arange(length), torch.tensor([length - 1]), torch.arange(0, length, 13)]
    with torch.no_grad():
        for attention, x, pos, position in _reads(model.to(dtype), length):
            whole = attention(x, pos, position)
            for queries in subsets:
                blocks = list(attention.row_blocks(x, pos, position, queries))
                assert torch.equal(torch.cat([block.queries for block in blocks]), queries)
                mixed = torch.cat([block.weights @ block.values for block in blocks], dim=2)
                rows = attention.merge(mixed)
                most = tolerance * max(1, whole.abs().max())  # rounding grows with the sums
                torch.testing.assert_close(rows, whole[:, queries], rtol=0, atol=most)


def test_rows_keep_what_they_promise(model, monkeypatch):
    monkeypatch.setattr("kexue_pipe.core.attention_parts.MAX_COEFFICIENTS", 2**13)
    for attention, x, pos, position in _reads(model.double(), 70):
        blocks = list(attention.row_blocks(x, pos, position, torch.arange(0, 70, 3)))
        assert len(blocks) > 1
        for block in blocks:
            B, H, R, S = block.weights.shape
            assert block.mask.shape == (R, S) and block.values.shape[:3] == (B, H, S)
            assert block.weights.numel() <= 2**13 and block.mask.dtype == torch.bool
            keys = torch.arange(S)
            assert not (block.mask & (keys > block.queries[:, None])).any()
            assert block.mask[torch.arange(R), block.queries].all()  # a token sees itself
            assert (block.weights.masked_select(~block.mask) == 0).all()
            if block.row_stochastic:
                assert (block.weights >= 0).all()
                assert (block.weights.sum(-1) - 1).abs().max() < 1e-12


def test_a_replaced_part_shares_all_parameters(model):
    for attention in model.attentions:
        name = "layout" if hasattr(attention, "layout") else "kernel"
        twin = attention.replace(**{name: getattr(attention, name)})
        pairs = zip(attention.parameters(), twin.parameters(), strict=True)
        assert twin is not attention and all(a is b for a, b in pairs)


def test_steps_are_the_rows_and_keep_what_is_counted(model):
    for attention, x, pos, position in _reads(model.double(), 29):
        whole, state, rows = attention(x, pos, position), attention.init_state(len(x)), []
        for t in range(29):
            row, state = attention.step(x[:, t, None], pos[: t + 1], position, state)
            rows.append(row)
        torch.testing.assert_close(torch.cat(rows, dim=1), whole, rtol=0, atol=1e-10)
        per_token, fixed = attention.cache_elements_per_token(), attention.state_elements()
        kept = sum(part[0].numel() for part in state)
        assert per_token + fixed > 0 and kept == 29 * per_token + fixed


@pytest.mark.parametrize("overrides, key, value", list(_numbers()))
def test_every_number_of_the_yaml_changes_the_output(build, overrides, key, value):
    other = str(not value).lower() if isinstance(value, bool) else value * 2
    changed, tokens = build(*overrides, f"{key}={other}").double(), draw_tokens(70)
    assert (build(*overrides).double()(tokens) - changed(tokens)).abs().max() > 1e-9
