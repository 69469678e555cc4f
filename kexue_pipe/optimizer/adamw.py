"""AdamW with decoupled weight decay, linear warm-up, and a decay to zero at the end.

    lr(s) = lr * min(1, (s + 1) / warmup_steps) * min(1, (S - s) / (S (1 - decay_from)))^decay_power

s is the step, 0 ... S - 1. Weight decay acts on matrices and kernels only; vectors (norm gains,
biases, scales) are not decayed. Gradients are clipped to a joint norm.

Source: Decoupled Weight Decay Regularization (arXiv 1711.05101); without decay it is Adam
(arXiv 1412.6980).
"""

from inspect import unwrap

import torch
from torch import nn


class _Lean(torch.optim.AdamW):
    """PyTorch's optimizer without `torch.compile`: importing that takes longer than `torch`."""

    add_param_group = unwrap(torch.optim.AdamW.add_param_group)
    state_dict = unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = unwrap(torch.optim.AdamW.load_state_dict)
    zero_grad = unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))


class AdamW:
    """The recipe: it makes the optimizer and knows the learning rate of every step."""

    def __init__(
        self,
        lr: float,
        betas: list[float],
        weight_decay: float,
        clip_norm: float,
        warmup_steps: int,
        decay_from: float,
        decay_power: float,
        steps_factor: float,
    ) -> None:
        self.lr, self.betas, self.weight_decay = lr, betas, weight_decay
        self.clip_norm, self.warmup_steps = clip_norm, warmup_steps
        self.decay_from, self.decay_power = decay_from, decay_power
        self.steps_factor = steps_factor

    def num_steps(self, task_steps: int) -> int:
        """Give the number of steps S for a task that asks for `task_steps` at size small."""
        return max(1, round(task_steps * self.steps_factor))

    def rate(self, step: int, num_steps: int) -> float:
        """Give the learning rate of a step."""
        warmup = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        left = (num_steps - step) / (num_steps * (1.0 - self.decay_from))
        return self.lr * warmup * min(1.0, left) ** self.decay_power

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer of a model."""
        trainable = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": self.weight_decay},
            {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
        ]
        beta1, beta2 = self.betas
        return _Lean(
            [group for group in groups if group["params"]],
            lr=self.lr,
            betas=(beta1, beta2),
            fused=True,
        )

    def clip(self, model: nn.Module) -> None:
        """Clip the gradients to the joint norm."""
        nn.utils.clip_grad_norm_(model.parameters(), self.clip_norm)
