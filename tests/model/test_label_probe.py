"""What a linear classifier reads off pictures, latents and codes."""

from functools import partial
from types import SimpleNamespace

import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.autoencoder import Autoencoder
from kexue_pipe.model.label_probe import label_probe
from kexue_pipe.quantizer.fsq import FSQ
from kexue_pipe.quantizer.none import NoQuantizer

QUANTIZERS = {
    "none": partial(NoQuantizer, D=5),
    "fsq": partial(FSQ, K=256, levels=[5, 3], bound="tanh", mode="ste", eta=1e-3),
}


class Bright:
    """Pictures of noise; what they show is whether a square of them is bright."""

    token_size, train_length = 4, 4

    def images(self, split):
        generator = torch.Generator().manual_seed(len(split))
        x = torch.rand(300, 1, 8, 8, generator=generator) * 2 - 1
        x[:, :, :4, :4] += 0.8 * (2 * self.labels(split)[:, None, None, None] - 1)
        return {"first": x[:100], "second": x[100:]}

    def labels(self, split):
        return torch.arange(300) % 2


def build(name):
    model = Autoencoder(task=Bright(), quantizer=QUANTIZERS[name], channels=16, num_blocks=1)
    initialise(model, 0)
    return model.eval()


@torch.no_grad()
def probe(name, task):
    return {row["level"]: row for row in label_probe(build(name), task)}


def test_a_label_that_pixels_show_is_read_from_all_that_codes_keep():
    rows = probe("fsq", Bright())
    assert set(rows) == {"pixels", "latents", "values", "codes"}
    assert rows["pixels"]["accuracy"] == 1.0 and rows["latents"]["accuracy"] > 0.9
    for level in ("values", "codes"):
        assert 0.6 < rows[level]["accuracy"] <= rows["latents"]["accuracy"]
    assert all((row["stream"], row["length"]) == ("labels", 4) for row in rows.values())


def test_without_codes_there_are_pixels_and_latents_and_without_labels_nothing():
    assert set(probe("none", Bright())) == {"pixels", "latents"}
    assert label_probe(build("none"), SimpleNamespace(images=Bright().images)) == []
