"""The initial value of every parameter, a function of the seed and the parameter's name alone.

    W ~ N(0, 1 / fan_in) of linear maps and convolutions,
    E ~ N(0, 0.02^2) of embeddings, or of the `std` that they have,
    gain = 1,  bias = 0

Two variants that share a parameter's name and shape start from the same numbers, whatever else
they contain, so that paired seeds compare the components and not the draws. A module that has a
method `initialise(generator)` sets its own parameters (its children have their own turn).
"""

from hashlib import sha256

import torch
from torch import Tensor, nn

EMBEDDING_STD = 0.02
_FAN_IN = (nn.Linear, nn.Conv1d, nn.Conv2d)
_NORMS = (nn.RMSNorm, nn.LayerNorm, nn.GroupNorm)


def initialise(model: nn.Module, seed: int) -> None:
    """Set every parameter of a model from a generator keyed by (seed, name)."""
    with torch.no_grad():
        for path, module in model.named_modules():
            own = getattr(module, "initialise", None)
            if own is not None:
                own(_generator(seed, path))
                continue
            for name, parameter in module.named_parameters(prefix=path, recurse=False):
                _set(module, name, parameter, _generator(seed, name))


def _generator(seed: int, name: str) -> torch.Generator:
    digest = sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))


def _set(module: nn.Module, name: str, parameter: Tensor, generator: torch.Generator) -> None:
    if name.endswith("bias"):
        parameter.zero_()
    elif isinstance(module, _NORMS):
        parameter.fill_(1.0)
    elif isinstance(module, _FAN_IN):
        _normal(parameter, parameter[0].numel() ** -0.5, generator)
    elif isinstance(module, nn.Embedding):
        _normal(parameter, getattr(module, "std", EMBEDDING_STD), generator)
    else:
        raise TypeError(
            f"no rule sets `{name}`: give {type(module).__name__} a method initialise(generator)"
        )


def _normal(parameter: Tensor, std: float, generator: torch.Generator) -> None:
    # drawn on the CPU in float32, so that device and precision do not change the numbers
    parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
