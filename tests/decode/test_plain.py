from kexue_pipe.core.contracts import Model
from kexue_pipe.decode.plain import decode


def test_gives_the_model_back_at_every_length():
    model = Model()
    assert decode(model, length=8) is model
    assert decode(model, length=1024) is model
