"""One torch thread per process, as in every stage: the machines that run tests are shared."""

import torch

torch.set_num_threads(1)
