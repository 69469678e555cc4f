"""What the tables hold: the meaning of every row and column.

`docs/tables.md` is generated from this file: `python -m kexue_pipe.core.table_docs`.
"""

import polars as pl

from kexue_pipe.core.tables import TABLES

SHARED = {
    "variant": "canonical name of the variant",
    "seed": "training seed; variants with the same seed share data order and shared init",
    "bin_lo": "first value of the bin",
    "bin_hi": "value after the last one of the bin",
}

ROWS = {
    "variants": "one variant",
    "runs": "one training run",
    "training": "one quantity over one stretch of training steps",
    "extrapolation": "one bin of scored tokens",
    "levels": "what the scored tokens of a stream, or the pixels of a split, are compared with",
    "attention": "one metric of one head in one bin of row lengths, or of its N x N matrices",
    "codes": "the use of one code book",
    "reconstruction": "the reconstruction of one image, or of one image's test tiles",
    "latents": "what quantisation does to a sample of latents and to their gradients",
    "timing": "one stage of one run (the only table that differs between two runs)",
    "claims": "one claim of the ledger",
    "claim_values": "one side of a claim, or their difference, for one seed",
}

COLUMNS = {
    "variants": {
        "task": "chosen task",
        "position": "chosen positional encoding; empty if the model has none",
        "attention": "chosen attention; empty if the model has none",
        "quantizer": "chosen quantizer, of the model or of its parent; empty if there is none",
        "model": "chosen model",
        "size": "chosen size",
        "choices": "all options that it reads, such as `attention.scale=rsqrt`, blanks between",
        "train_length": "training length N in tokens; tokens per image for images",
        "chance": "accuracy of a uniform guess; null for images",
        "pixels_per_token": "pixels that one token stands for; null where it is none",
        "parameters": "trainable numbers",
        "flops_per_token": "forward multiply-adds x 2 per token at length N",
        "cache_elements_per_token": "numbers kept per past token in decoding, all layers",
        "state_elements": "numbers kept whatever the length, all layers",
        "train_digest": "digest of everything that training reads",
        "evaluate_digest": "digest of everything that evaluation reads",
        "data_hash": "SHA-256 of the data; empty for generated data",
        "versions": "versions of the packages that the numbers depend on",
    },
    "runs": {
        "status": (
            "`finished`, `diverged` when the loss stopped being finite, or `parent diverged` when "
            "there was nothing to start from"
        ),
        "steps": "optimizer steps taken",
        "final_loss": "mean training loss of the last 5 % of the steps, nats or squared error",
        "solved": "the task is solved at the training length; null if it has no such threshold",
        "circuit_step": (
            "first step whose training accuracy is half-way from chance to solved; null if never"
        ),
    },
    "training": {
        "step": "last step of the stretch",
        "quantity": (
            "loss (nats per token, or squared error), accuracy (not for images), lr, and what the "
            "quantizer logs: used, perplexity, dead, restarts, saturated, temperature, kl; of an "
            "autoencoder aux, the auxiliary part of its loss, and latent_norm and code_norm, mean "
            "lengths of what is quantised and its codes"
        ),
        "value": "its mean over the stretch; of lr, its value at the step",
    },
    "extrapolation": {
        "extension": "context extension that the checkpoint was evaluated under",
        "stream": "kind of test document: natural, repeat, far, ...",
        "protocol": (
            "`fixed`: the same last N/2 tokens at every length; `whole`: all scored tokens of "
            "documents of that length; `curve`: all tokens by position"
        ),
        "length": "context length T in tokens",
        "bin_by": (
            "what the bin bounds: position; lag, how many tokens back the answer stands; depth, "
            "where it stands in the context, in tenths"
        ),
        "n": "scored tokens",
        "loss_sum": "sum of the token losses, nats",
        "loss_sq": "sum of the squared token losses, nats^2",
        "correct": "scored tokens that are predicted",
        "documents": "documents with a scored token in the bin",
        "exact": "documents with every scored token of the bin predicted",
    },
    "levels": {
        "stream": "kind of test document, or split of images; `labels`: what test pictures show",
        "length": "context length T in tokens; for images tokens per image",
        "level": (
            "what is compared with: unigram, bigram, ceiling, ...; a lossless coder; of labels, "
            "what a linear classifier reads: pixels, latents, values of codes, codes"
        ),
        "loss": "its mean loss, nats per token; for images nats per pixel, or per label",
        "accuracy": "its share of predicted tokens or labels; null for coders",
    },
    "attention": {
        "extension": "context extension that the checkpoint was evaluated under",
        "length": "context length T in tokens",
        "layer": "layer, 0 next to the input",
        "head": "query head",
        "metric": (
            "name of the metric; of matrices at the training length N, whose rows have 1 to N "
            "keys: erank and srank, effective and stable rank, beside erank_uniform and "
            "srank_uniform, those of uniform causal averaging"
        ),
        "sum": "sum over rows, or matrices",
        "sum_sq": "sum of squares over rows, or matrices",
        "n_rows": "rows, or matrices",
        "backend": "how the rows were computed: rows, online or fused",
    },
    "codes": {
        "split": "test, or the out-of-domain image",
        "level": "`joint`, or the number of the factor of the code",
        "num_codes": "codes in the book",
        "n_tokens": "assigned tokens",
        "used": "codes with at least one token",
        "used_1pct": "codes with more than 1 % of an equal share of the tokens",
        "entropy": "plug-in entropy of the code counts, nats",
        "entropy_mm": "the same with the Miller-Madow correction, nats",
    },
    "reconstruction": {
        "split": "test, or the out-of-domain image",
        "image": "name of the photograph",
        "n_pixels": "reconstructed pixels",
        "n_tokens": "tokens (codes) that carry them",
        "bits_nominal": (
            "log2 of the number of codes, bits per token; of kl its divergence; infinite without a "
            "quantizer"
        ),
        "squared_error": "sum of squared errors, pixel range [-1, 1]; of kl that of a sample",
        "squared_error_bypass": "the same with the unquantised latent (of kl: its mean) decoded",
        "png": "the reconstructed picture of the first seed; null elsewhere",
    },
    "latents": {
        "split": "test",
        "n_tokens": "latents in the sample",
        "error": "sum of squared distances from latents to their codes",
        "spread": "sum of squared distances from latents to their mean",
        "gradient_cosine": "sum over latents of the cosine between both gradients",
        "gradient_gap": "sum of squared differences between both gradients",
        "gradient": "sum of squares of the gradient without a quantizer",
    },
    "timing": {
        "stage": "train or evaluate",
        "seconds": "wall time of the computation, s; it grows where jobs share cores",
        "cpu_seconds": "processor time of the computation, all threads, s",
        "tokens_per_second": "tokens (pixels for images) processed per second",
        "machine": "processor and threads",
    },
    "claims": {
        "claim": "name of its file in `conf/claim/`",
        "entry": "claims of one entry are parts of one statement; null if it stands alone",
        "post": "number of the post in the archive of kexue.fm; null if only a paper says it",
        "source": "post and paper that say it",
        "statement": "what is claimed",
        "published": "figure of the source, where there is one",
        "scope": "what the verdict holds for",
        "verdict": "supported, contradicted, inconclusive or not run",
        "reason": "why there is no verdict; empty if there is one",
        "direction": (
            "what has to hold for left - right: greater or less by the smallest effect, equal "
            "within it, or not less, not greater by it"
        ),
        "unit": "unit of the sides",
        "smallest": "smallest effect that matters, for the reason in `why`",
        "why": "why that is the smallest",
        "left": "mean of the left side over seeds",
        "right": "mean of the right side",
        "mean": "mean of left - right, paired by seed",
        "low": "lower end of its 95 % t-interval, not adjusted; null below 3 seeds",
        "high": "upper end",
        "effect": "mean over the standard deviation of one seed",
        "p": "p-value of the test that the estimate has to pass",
        "p_holm": "the same after Holm within the claims of one source",
        "seeds": "seeds; null where nothing is random",
        "unsolved": "runs that diverged or have not solved their task in range, and take no part",
        "seeds_needed": "seeds that decide with probability 0.8 if the observed numbers are true",
        "rate_shift": "change of seed 0's difference at the best learning rate of each variant",
        "rival": "claim that says otherwise",
    },
    "claim_values": {
        "claim": "name of the claim",
        "side": "left, right or difference",
        "seed": "training seed; draw of a study without training",
        "value": "its value",
    },
}


def meaning(table: str, column: str) -> str:
    """Say what a column holds."""
    return COLUMNS[table].get(column) or SHARED[column]


def documentation() -> str:
    """Write the page of all tables."""
    lines = ["# Tables", "", "Generated from `kexue_pipe/core/table_docs.py` by `make docs`.", ""]
    for name, table in TABLES.items():
        key = ", ".join(f"`{column}`" for column in table.key)
        lines += [f"## {name}", "", f"One row: {ROWS[name]}. Key: {key}.", ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        for column, kind in pl.Schema(table.columns).items():
            lines.append(f"| `{column}` | {kind} | {meaning(name, column)} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(documentation(), end="")
