"""Names of jobs on a cluster: Snakemake cuts them at their commas, here they are made whole again.

A job on a cluster is a Snakemake of its own, told by `--target-jobs rule:wildcard=value` what to
make. Its parser takes every comma for the start of another wildcard (snakemake/snakemake#2366), so
that `train:variant=task=text,position=alibi` would train `task=text`.
"""

from typing import Any


def mend(graph: Any) -> None:
    """Make Snakemake's class of graphs join the pieces of a wildcard before it plans a job."""
    new_job = graph.new_job

    async def whole_job(self: Any, rule: Any, targetfile: Any = None, **given: Any) -> Any:
        if given.get("wildcards_dict"):
            given["wildcards_dict"] = whole(given["wildcards_dict"])
        return await new_job(self, rule, targetfile, **given)

    graph.new_job = whole_job


def whole(pieces: dict[str, str]) -> dict[str, str]:
    """Give the one wildcard of a job all that the parser took for others."""
    (wildcard, start), *rest = pieces.items()
    return {wildcard: ",".join([start, *(f"{key}={value}" for key, value in rest)])}
