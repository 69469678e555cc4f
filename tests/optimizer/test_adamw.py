"""AdamW: the schedule's corners, and what is decayed."""

import math
import subprocess
import sys

import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from kexue_pipe.core.components import arguments
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import component


def recipe(*overrides: str):
    return instantiate(arguments(component(variant(list(overrides)).nodes["optimizer"])))


def test_rate_warms_up_stays_and_decays_to_zero() -> None:
    adamw = recipe()
    assert adamw.rate(0, 1000) == pytest.approx(4e-3 / 50)
    assert adamw.rate(49, 1000) == adamw.rate(600, 1000) == pytest.approx(4e-3)
    assert adamw.rate(800, 1000) == pytest.approx(2e-3)
    assert adamw.rate(999, 1000) == pytest.approx(4e-3 / 400)


def test_autoencoders_decay_with_the_square_root() -> None:
    adam = recipe("task=patches")
    for step in (60, 400, 799):
        assert adam.rate(step, 800) == pytest.approx(2e-3 * math.sqrt(1 - step / 800))


def test_only_matrices_decay_and_without_decay_it_is_adam() -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.RMSNorm(3))
    matrices, vectors = recipe().optimizer(model).param_groups
    assert matrices["weight_decay"] == 0.1 and matrices["params"] == [model[0].weight]
    assert vectors["weight_decay"] == 0.0 and vectors["params"] == [model[1].weight]
    assert all(g["weight_decay"] == 0 for g in recipe("task=patches").optimizer(model).param_groups)


def test_one_step_follows_the_formula() -> None:
    layer = nn.Linear(2, 1, bias=False).double()
    before = layer.weight.detach().clone()
    optimizer = recipe().optimizer(layer)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    layer(torch.tensor([[1.0, -2.0]]).double()).sum().backward()
    optimizer.step()
    # after one step both corrected moments are the gradient's, so the step is its sign
    expected = before * (1 - 0.01 * 0.1) - 0.01 * torch.tensor([[1.0, -1.0]]).double()
    assert torch.allclose(layer.weight, expected, atol=1e-7)


def test_steps_scale_with_the_size_and_are_at_least_one() -> None:
    assert recipe().num_steps(600) == 600
    assert recipe("size=smoke").num_steps(600) == 30
    assert recipe("size=smoke").num_steps(1) == 1


def test_steps_have_the_bits_of_pytorch_also_after_a_state_is_loaded() -> None:
    x, weights = torch.ones(4, 3), []
    for make in (recipe().optimizer, lambda m: torch.optim.AdamW(m.parameters(), fused=True)):
        torch.manual_seed(0)
        layer = nn.Linear(3, 3, bias=False)
        optimizer = make(layer)
        for group in optimizer.param_groups:
            group.update(lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            layer(x).square().sum().backward()
            optimizer.step()
            optimizer.load_state_dict(optimizer.state_dict())
        weights.append(layer.weight)
    assert torch.equal(*weights)


def test_a_step_does_not_import_the_compiler() -> None:
    code = """
import sys, torch
from kexue_pipe.optimizer.adamw import AdamW
recipe = AdamW(1e-3, [0.9, 0.95], 0.1, 1.0, 1, 0.6, 1.0, 1.0)
layer = torch.nn.Linear(2, 2)
optimizer = recipe.optimizer(layer)
optimizer.zero_grad()
layer(torch.ones(1, 2)).sum().backward()
recipe.clip(layer)
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
