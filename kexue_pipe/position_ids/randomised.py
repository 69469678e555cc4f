"""Randomised position ids: training tokens stand at random places of a range longer than any test.

    training:  pos = sort(T of 0 ... L - 1, drawn without replacement),  once per batch
    test:      pos_n = floor(n (L - 1) / (T - 1)),  n = 0 ... T - 1

    T  tokens of the context
    L  places, `max_factor` training lengths

Every place is trained, at the cost of steps of unequal width. With even test places the id of a
token depends on T, so a prefix of a document has other ids than the document.

Source: Ruoss et al., "Randomized Positional Encodings Boost Length Generalization of Transformers"
(arXiv 2305.16843); even test places: Jianlin Su, "Transformer升级之路:8、长度外推性与位置鲁棒性"
(kexue.fm/archives/9444, 2023-01-31).

Departure: random test places are drawn from a generator seeded by T, so that they do not change.
"""

import torch
from torch import Tensor

from kexue_pipe.core.contracts import PositionIds


class Randomised(PositionIds):
    """A sorted random subset of many places, even at test time if wanted."""

    def __init__(self, *, train_length: int, max_factor: float, at_test: str):
        super().__init__()
        self.places = int(max_factor * train_length)  # L
        self.test_ids = {"even": self._even, "random": self._fixed}[at_test]

    def forward(
        self, index: Tensor, grids: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """Give increasing whole numbers below L, (T,)."""
        T = len(index)
        if self.places < T:
            raise ValueError(
                f"{T} tokens have no room in {self.places} places; raise position_ids.max_factor, "
                f"or lower task.evaluate.max_factor"
            )
        ids = self.test_ids(T) if generator is None else self._subset(T, generator)
        return ids.to(index.device).float()

    def _even(self, T: int) -> Tensor:
        return torch.arange(T) * (self.places - 1) // max(T - 1, 1)

    def _fixed(self, T: int) -> Tensor:
        return self._subset(T, torch.Generator().manual_seed(T))

    def _subset(self, T: int, generator: torch.Generator) -> Tensor:
        order = torch.randperm(self.places, generator=generator, device=generator.device)
        return order[:T].sort().values
