"""Direct extrapolation: the trained model as it is, at every length.

    logits(tokens) = model(tokens)

    tokens  (B, T), T beyond the training length too

Source: the untouched baseline of Jianlin Su, "Transformer升级之路:7、长度外推性与局部注意力"
(kexue.fm/archives/9431, 2023-01-12).
"""

from kexue_pipe.core.contracts import Model


def extend(model: Model, *, length: int, train_length: int) -> Model:
    """Give the model back."""
    return model
