"""How well a linear classifier reads off what a picture shows, before and after quantisation.

    p = softmax(W f + b),   W, b minimise sum_n -ln p_n(y_n) + |W|^2 / 2 over training pictures
    loss = mean_n -ln p_n(y_n),   accuracy = share of argmax_c p_n(c) = y_n over test pictures

y_n is the label of picture n, and f_n are its pixels, its latents (T D numbers, what is quantised),
the values of its codes (T D), each number standardised over the training pictures, or the codes
themselves, T rows of which each has a 1 in one of K places. What is lost from latents to values is
what quantisation loses of what pictures are about.

Source: Alain and Bengio, "Understanding Intermediate Layers Using Linear Classifier Probes"
(1610.01644), for the question of *“闭门造车”之多模态思路浅谈（一）：无损输入* (2024-02-21).
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from kexue_pipe.model.autoencoder import Autoencoder

STREAM = "labels"
STEPS = 1000  # of the solver at most


@runtime_checkable
class Labelled(Protocol):
    """A task whose pictures show something that has a name."""

    train_length: int  # T, tokens of a picture

    def images(self, split: str) -> dict[str, Tensor]:
        """Give pictures (n, 1, s, s) by name."""
        ...

    def labels(self, split: str) -> Tensor:
        """Give what the pictures of a split show, in their order, (n,) int64."""
        ...


def label_probe(model: Autoencoder, task: object) -> list[dict[str, Any]]:
    """Give rows of the table `levels`, one for each kind of features; none without labels."""
    if not isinstance(task, Labelled):
        return []
    from sklearn.linear_model import LogisticRegression  # costs a second, and few tasks need it
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    known, asked = (task.labels(split).numpy() for split in ("train", "test"))
    seen, unseen = (_features(model, task.images(split)) for split in ("train", "test"))
    rows = []
    for level, features in seen.items():
        scale = OneHotEncoder(handle_unknown="ignore") if level == "codes" else StandardScaler()
        probe = make_pipeline(scale, LogisticRegression(max_iter=STEPS)).fit(features, known)
        log_p = probe.predict_log_proba(unseen[level])
        place = np.searchsorted(probe.classes_, asked)
        loss = -log_p[np.arange(len(asked)), place].mean()
        accuracy = (log_p.argmax(1) == place).mean()
        rows.append({"level": level, "loss": float(loss), "accuracy": float(accuracy)})
    return [{"stream": STREAM, "length": task.train_length, **row} for row in rows]


def _features(model: Autoencoder, images: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Give the numbers of each picture by their kind, each (n, ...)."""
    x = torch.cat([*images.values()]).to(next(model.parameters()).device)
    out = model.quantise(x, torch.Generator(x.device).manual_seed(0))
    kinds = {"pixels": x, "latents": out.z_in}
    if model.quantizer.num_codes:
        kinds |= {"values": out.q, "codes": out.index}
    return {kind: v.reshape(len(x), -1).cpu().numpy() for kind, v in kinds.items()}
