from kexue_pipe.attention.readout.denominator import Denominator
from kexue_pipe.attention.readout.none import Plain


def test_rows_are_divided_here_only():
    assert Denominator().divides and not Plain().divides
