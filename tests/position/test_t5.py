import pytest
import torch

from kexue_pipe.core.initialise import initialise
from kexue_pipe.position.t5 import T5, bucket

SETTINGS = [(32, 128), (32, 64), (16, 64), (16, 32), (8, 100), (6, 17)]
oracle = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


def _t5(num_buckets=16, max_distance=None, train_length=64):
    position = T5(
        num_heads=3, num_buckets=num_buckets, max_distance=max_distance, train_length=train_length
    ).double()
    initialise(position, 0)
    return position


def _bias(position, pos_q, pos_k):
    return position.bias(torch.zeros(2, 3, len(pos_q), 5, dtype=torch.float64), pos_q, pos_k)


@oracle
@pytest.mark.parametrize("num_buckets, max_distance", SETTINGS)
def test_buckets_equal_those_of_x_transformers(num_buckets, max_distance):
    from x_transformers.x_transformers import RelativePositionBias

    distance = torch.arange(600)
    theirs = RelativePositionBias._relative_position_bucket(
        -distance, num_buckets=num_buckets, max_distance=max_distance
    )
    assert torch.equal(bucket(distance, num_buckets, max_distance), theirs)


@oracle
@pytest.mark.parametrize("num_buckets, max_distance", SETTINGS)
def test_bias_equals_that_of_x_transformers(num_buckets, max_distance):
    from x_transformers.x_transformers import RelativePositionBias

    ours = _t5(num_buckets, max_distance)
    theirs = RelativePositionBias(1.0, True, num_buckets, max_distance, heads=3).double()
    theirs.relative_attention_bias.weight = ours.table.weight
    pos = torch.arange(150, dtype=torch.float32)
    torch.testing.assert_close(_bias(ours, pos, pos)[0], theirs(150, 150), rtol=0, atol=0)
    torch.testing.assert_close(_bias(ours, pos[-4:], pos)[0], theirs(4, 150), rtol=0, atol=0)


@pytest.mark.parametrize("num_buckets, max_distance, start", [(32, 128, 113), (16, 64, 50)])
def test_where_the_last_bucket_starts(num_buckets, max_distance, start):
    buckets = bucket(torch.arange(1000), num_buckets, max_distance)
    assert (buckets.diff() >= 0).all() and buckets[: num_buckets // 2].diff().eq(1).all()
    assert (buckets == num_buckets - 1).nonzero()[0].item() == start


def test_by_default_training_reaches_every_bucket_and_the_usual_distance_does_not():
    distances = torch.arange(64)
    assert len(bucket(distances, 16, 64).unique()) == 16
    assert len(bucket(distances, 32, 128).unique()) < 32


def test_gradient_counts_the_pairs_of_each_bucket():
    position, pos = _t5(num_buckets=4, train_length=8), torch.arange(5.0)
    _bias(position, pos, pos).tril().sum().backward()
    # distances 0 ... 4 have 5, 4, 3, 2, 1 pairs; 2 and 3 share a bucket: ln(3/2) / ln(4) < 1/2
    assert position.table.weight.grad.tolist() == [[5] * 3, [4] * 3, [5] * 3, [1] * 3]


def test_shape_and_shift_invariance():
    position, pos = _t5(), torch.arange(13, dtype=torch.float64)
    near, far = _bias(position, pos[7:], pos), _bias(position, pos[7:] + 1000, pos + 1000)
    assert near.shape == (1, 3, 6, 13)
    assert torch.equal(near, far)


def test_no_range_for_the_logarithm_is_refused():
    with pytest.raises(ValueError, match="16 buckets leave no range below distance 8"):
        _t5(num_buckets=16, max_distance=8)
