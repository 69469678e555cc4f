from kexue_pipe.core.contracts import Model
from kexue_pipe.extension.none import extend


def test_gives_the_model_back_at_every_length():
    model = Model()
    assert extend(model, length=8, train_length=64) is model
    assert extend(model, length=1024, train_length=64) is model
