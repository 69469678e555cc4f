import shlex

import pytest
from snakemake.target_jobs import parse_target_jobs_cli_args
from snakemake_interface_executor_plugins.utils import TargetSpec, encode_target_jobs_cli_args

from kexue_pipe.graph.cluster import whole


@pytest.mark.parametrize(
    "name", ["task=text", "task=text,position=alibi", "task=text,size=smoke,task.train.steps=6000"]
)
def test_a_job_on_a_cluster_makes_the_variant_that_was_asked(name: str) -> None:
    asked = {"variant": name}
    command = shlex.split(encode_target_jobs_cli_args([TargetSpec("train", asked)])[0])
    (parsed,) = parse_target_jobs_cli_args(command)
    assert whole(parsed.wildcards_dict) == asked
