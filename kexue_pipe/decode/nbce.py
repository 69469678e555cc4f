"""Naive Bayes context extension: many short contexts, each before the question, pool their answers.

    l = (1 + beta) P[c] - beta u,   logits = log_softmax(l)
    min_entropy  P[c] = c_s,   s = argmin_k H(c_k) - eta [k = s of the token before]
    mean         P[c] = mean_k c_k;   naive_bayes: the same with beta = n - 1

    c_k    log-probabilities of a token after [context k; question so far], (V,)
    u      those after the question so far alone, (V,)
    H      -sum p ln p, in nats, over the most probable tokens of mass top_p
    n      contexts of N - m tokens that stand before the last m tokens, the question
    N, m   training length, question, in tokens

mean with beta = n - 1 is exact Bayes for contexts that are independent given the answer. Contexts
are read without their order. Within the training length, decoding is plain.

Source: Jianlin Su, "NBCE:使用朴素贝叶斯扩展LLM的Context处理长度" (kexue.fm/archives/9617,
2023-05-23).

Departures: truncation decides on s and on where u counts (tokens outside its most probable ones are
answered by c_s alone), but cuts no answer off: a label may be any token. The first context is the
one that may be short.
"""

from typing import Any

import torch
from torch import Tensor

from kexue_pipe.core.contracts import Attention, Model


class NaiveBayes(Model):
    """A model that reads a long context in pieces."""

    def __init__(self, model: Any, *, train_length: int, question: int, **pooling: Any):
        super().__init__()
        self.model = model
        self.train_length = train_length
        self.question = question
        self.pooling = pooling

    @property
    def attentions(self) -> list[Attention]:
        """None: over the whole context there are no attention rows."""
        return []

    def attention_inputs(self, tokens: Tensor, pos: Tensor | None = None) -> list[Tensor]:
        """Give none, for the same reason."""
        return []

    def forward(self, tokens: Tensor, pos: Tensor | None = None, last: int | None = None) -> Tensor:
        """Give log-probabilities (B, last, V) of tokens of the question."""
        (B, T), m = tokens.shape, self.question
        if T <= self.train_length:
            return self.model(tokens, pos, last=last)
        if last is None or last > m:
            raise ValueError(
                f"decode.question={m} tokens are answered by nbce, and the last "
                f"{T if last is None else last} were asked for; raise decode.question"
            )
        before, asked = tokens[:, :-m], tokens[:, -m:]
        size = self.train_length - m
        count, rest = divmod(T - m, size)
        whole = before[:, rest:].reshape(B * count, size)
        passes = [torch.cat((whole, asked.repeat_interleave(count, 0)), dim=1)]
        passes += [torch.cat((before[:, :rest], asked), dim=1)] if rest else []
        answers = [self.model(p, last=m).log_softmax(-1).unflatten(0, (B, -1)) for p in passes]
        contexts = torch.cat(answers, dim=1)  # (B, n, m, V)
        alone = self.model(asked).log_softmax(-1)  # (B, m, V)
        return pool(contexts, alone, **self.pooling).log_softmax(-1)[:, -last:]


def pool(
    contexts: Tensor, alone: Tensor, *, pooling: str, beta: float, top_p: float, eta: float
) -> Tensor:
    """Pool log-probabilities (B, n, m, V) against those without a context, (B, m, V)."""
    if pooling != "min_entropy":
        weight = contexts.shape[1] - 1.0 if pooling == "naive_bayes" else beta
        return (1 + weight) * contexts.mean(1) - weight * alone
    surprise = contexts.exp() * contexts.clamp(min=-100)
    entropy = -(surprise * nucleus(contexts, top_p)).sum(-1)  # (B, n, m)
    chosen = [entropy[..., 0].argmin(1)]
    for t in range(1, entropy.shape[-1]):
        preferred = torch.zeros_like(entropy[..., t]).scatter(1, chosen[-1][:, None], eta)
        chosen.append((entropy[..., t] - preferred).argmin(1))
    index = torch.stack(chosen, dim=1)[:, None, :, None]  # (B, 1, m, 1)
    surest = contexts.take_along_dim(index, dim=1)[:, 0]  # (B, m, V)
    pooled = (1 + beta) * surest - beta * alone
    return torch.where(nucleus(alone, top_p) & (alone > -100), pooled, surest)


def nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """Tell the fewest most probable tokens that reach the mass `top_p`, (..., V) bool."""
    ordered, order = logprobs.exp().sort(dim=-1, descending=True)
    kept = ordered.cumsum(-1) - ordered < top_p
    return torch.zeros_like(kept).scatter(-1, order, kept)


def decode(
    model: Model,
    *,
    length: int,
    train_length: int,
    question: int,
    pooling: str,
    beta: float,
    top_p: float,
    eta: float,
) -> Model:
    """Read a context beyond the training length in pieces."""
    if length <= train_length:
        return model
    knobs: dict[str, Any] = {"pooling": pooling, "beta": beta, "top_p": top_p, "eta": eta}
    return NaiveBayes(model, train_length=train_length, question=question, **knobs)
