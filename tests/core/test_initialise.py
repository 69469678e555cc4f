import pytest
import torch
from torch import nn

from kexue_pipe.core.initialise import initialise


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(3))
        self.child = nn.Linear(5, 3)

    def initialise(self, generator):
        self.gate.copy_(torch.rand(3, generator=generator))


def _model(extra=False):
    parts = {"up": nn.Linear(400, 300), "norm": nn.RMSNorm(7), "table": nn.Embedding(500, 60)}
    parts |= {"convolution": nn.Conv2d(16, 300, 5), "own": Own()}
    if extra:
        parts = {"first": nn.Linear(3, 3)} | parts
    return nn.ModuleDict(parts)


def test_spread_follows_from_the_kind_of_module():
    model = _model()
    initialise(model, 0)
    # a standard deviation of n > 30 000 draws is known to 1 / sqrt(2 n) < 0.5 %
    assert abs(model["up"].weight.std().item() * 400**0.5 - 1) < 0.02
    assert abs(model["convolution"].weight.std().item() * (16 * 25) ** 0.5 - 1) < 0.02
    assert abs(model["table"].weight.std().item() / 0.02 - 1) < 0.02
    assert (model["norm"].weight == 1).all() and (model["up"].bias == 0).all()


def test_a_parameter_depends_on_seed_and_name_alone():
    plain, extended, other = _model(), _model(extra=True), _model()
    for model, seed in ((plain, 0), (extended, 0), (other, 1)):
        initialise(model, seed)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(extended.get_parameter(name), parameter, rtol=0, atol=0)
    assert (other["up"].weight != plain["up"].weight).all()
    assert (plain["up"].weight[:3, :3] != extended["first"].weight).all()


def test_precision_does_not_change_the_draw():
    single, double = _model(), _model().double()
    initialise(single, 0)
    initialise(double, 0)
    assert (double["up"].weight.float() == single["up"].weight).all()


def test_a_module_sets_its_own_parameters_and_not_those_of_its_children():
    model = _model()
    initialise(model, 0)
    own = model["own"]
    assert (own.gate > 0).all() and own.gate.std() > 0
    assert (own.child.weight != 0).all() and (own.child.bias == 0).all()


def test_a_parameter_without_a_rule_is_an_error():
    class Unknown(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3))

    with pytest.raises(TypeError, match="`part.gain`"):
        initialise(nn.ModuleDict({"part": Unknown()}), 0)
