import pytest
import torch

from kexue_pipe.attention.discretisation.none import NoStep


def test_it_has_no_rule_for_an_equation():
    with pytest.raises(NotImplementedError):
        NoStep().diagonal(torch.ones(1))
