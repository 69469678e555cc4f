"""What every claim owes, found by glob: a source, reasons, sides that compose or say why not."""

import pytest
import yaml

from kexue_pipe.claim import estimate, measures
from kexue_pipe.claim.judge import variants
from kexue_pipe.claim.verdict import DIRECTIONS
from kexue_pipe.core.spelling import split_name
from kexue_pipe.graph import ledger
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.sources import signature
from kexue_pipe.graph.suites import expansion, load_suite
from kexue_pipe.page.posts import posts

CLAIMS = ledger.ledger()
TRIED = {n: c for n, c in CLAIMS.items() if "missing" not in c}
TRAINED = {n: c for n, c in TRIED.items() if "study" not in c}
KEYS = {
    "entry", "statement", "post", "paper", "published", "missing", "study", "measure", "left",
    "right", "direction", "smallest", "unit", "why", "seeds", "scope", "rival",
}  # fmt: skip
ENTRIES = {f"C{i}" for i in range(1, 31)} | {f"A{i}" for i in range(1, 29)}
ENTRIES |= {f"MC{i}" for i in range(1, 19)} | {f"Q{i}" for i in range(1, 20)}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_says_what_and_who(name: str) -> None:
    text = (ledger.FOLDER / f"{name}.yaml").read_text()
    written, claim = yaml.safe_load(text), CLAIMS[name]
    assert text.splitlines()[0] == f"# @package claim.{name}" and set(written) <= KEYS
    assert claim["statement"] and claim["source"] and claim["scope"] and claim["entry"]
    assert claim.get("rival") in (None, *CLAIMS)


@pytest.mark.parametrize("name", TRIED)
def test_a_claim_that_is_tried_says_when_it_holds_and_why(name: str) -> None:
    claim = TRIED[name]
    assert claim["direction"] in DIRECTIONS and claim["why"] and claim["unit"]
    assert claim["smallest"] > 0 or claim["direction"] in ("greater", "less")
    if "study" in claim:
        given = {key for key in claim["study"] if key != "_target_"}
        assert given == signature(claim["study"]["_target_"])
        return
    leaves = [leaf for side in ("left", "right") for leaf in estimate.leaves(claim[side])]
    assert leaves
    for measure, leaf in [*((claim["measure"], leaf) for leaf in leaves), *_against(claim)]:
        words = measure | {k: v for k, v in leaf.items() if k not in estimate.SHAPE}
        quantity = getattr(measures, words.pop("quantity"))
        known = quantity.__kwdefaults__ or {}
        names = set(quantity.__annotations__) - {"tables", "return"}
        place = {"variant", "extension", "stream"} if "place" in names else set()
        assert set(words) <= names | place, words
        assert names - {"place"} - set(known) <= set(words), words


def _against(claim: dict) -> list[tuple[dict, dict]]:
    sides = [s for s in (claim["left"], claim["right"]) if isinstance(s, dict) and "against" in s]
    return [(side["against"], point) for side in sides for point in estimate.points(side)]


def test_every_entry_of_the_lists_is_there() -> None:
    found = {part for claim in CLAIMS.values() for part in claim["entry"].split(", ")}
    assert found == ENTRIES


def test_cited_posts_are_not_those_of_components() -> None:
    cited = {row["number"] for row in yaml.safe_load(ledger.POSTS[1].read_text())}
    assert not cited & {post.number for post in posts()}
    assert cited <= {claim.get("post") for claim in CLAIMS.values()}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({v for c in TRAINED.values() for v in variants(c)}))
def test_a_side_is_canonical_or_does_not_compose(name: str) -> None:
    try:
        assert variant(split_name(name)).name == name
    except Refused as error:
        assert str(error)


def test_a_claim_needs_its_sides_and_one_seed_at_other_learning_rates() -> None:
    found = expansion(load_suite("claim=position_helps_in_range,size=smoke"))
    none, rope = "task=text,position=none,size=smoke", "task=text,size=smoke"
    moved = [
        f"task=text,extension=[none],optimizer.lr={rate}{rest}"
        for rate in ("0.002", "0.008")
        for rest in (",position=none,size=smoke", ",size=smoke")
    ]
    assert found.seeds == dict(sorted({none: 3, rope: 3, **dict.fromkeys(moved, 1)}.items()))
    for name in moved:
        assert variant(split_name(name)).name == name


def test_another_learning_rate_is_measured_under_what_its_claim_reads() -> None:
    read = {"variant": "task=text", "extension": "ntk_mixed", "length": 8}
    claim = TRAINED["position_helps_in_range"] | {"left": read}
    (name,) = ledger.resolved(claim, [], [2.0])["rates"]["task=text"]
    assert name == "task=text,extension=[none,ntk_mixed],optimizer.lr=0.008"
    assert [*variant(split_name(name)).nodes["extension"]] == ["none", "ntk_mixed"]
    (name,) = ledger.resolved(TRAINED["logn_hurts_yarn"], [], [2.0])["rates"]["task=text"]
    assert name == "task=text,extension=[none,yarn],optimizer.lr=0.008"  # in words of both sides
    images = {side: {"variant": f"task=patches,quantizer={side}"} for side in ("vq", "fsq")}
    claim |= {"left": images["vq"], "right": images["fsq"]}
    moved = ledger.resolved(claim, [], [2.0])["rates"].values()
    assert not any("extension" in name for (name,) in moved)


def test_one_checkpoint_on_both_sides_is_tried_at_one_learning_rate() -> None:
    found = expansion(load_suite("claim=window_restores_range"))
    assert found.seeds == {"task=text": 3}


def test_what_does_not_compose_is_not_run_for_the_composers_reason() -> None:
    wrong = TRAINED["position_helps_in_range"] | {"left": {"variant": "task=text,position=ropee"}}
    assert "did you mean rope?" in ledger.resolved(wrong, [], [])["reason"]
    extended = {"variant": "task=text,position=none", "extension": "pi", "length": 8}
    reason = ledger.resolved(wrong | {"left": extended}, [], [])["reason"]
    assert reason.startswith("extension=pi does not apply")
    far = {"variant": "task=text", "length": 64}
    assert "up to 16 training lengths" in ledger.resolved(wrong | {"left": far}, [], [])["reason"]


def test_an_unknown_claim_is_a_sentence() -> None:
    with pytest.raises(
        Refused, match=r"did you mean window_restores_range\? \(conf/claim/ holds all\)$"
    ):
        ledger.chosen(["window_restore_range"])
    with pytest.raises(Refused, match=r"none of \d+ is like it \(conf/claim/ holds all\)$"):
        ledger.chosen(["zzz"])
