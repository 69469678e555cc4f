# What all rules share: the package of this checkout, the run's settings, the lock. No rule.
import sys

from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

sys.path.insert(0, workflow.basedir)
from kexue_pipe.graph import cluster, workflow as graph
from kexue_pipe.graph.errors import Refused

config.setdefault("suite", "default")
config.setdefault("device", "auto")
config.setdefault("language", "en")
try:
    validate(config, "../schemas/config.schema.yaml")
    graph.configure(
        config["suite"], config.get("seeds"), config["device"], config["language"]
    )
except WorkflowError as error:
    sys.exit(
        f"error: --config {str(error).splitlines()[1].removeprefix('ValidationError: ')}"
    )
except Refused as error:
    sys.exit(f"error: {error}")

if not workflow.is_main_process:
    cluster.mend(DAG)


wildcard_constraints:
    variant=r"task=[^/]+",
    suite=r"[^/]+",


onstart:
    try:
        graph.lock()
    except (Refused, OSError) as error:
        sys.exit(f"error: {error}")
    if workflow.local_exec:
        # the limit of jobs a second wakes the scheduler once a second more after every job, 27 % of
        # a core over the first 250 (snakemake issue 2967), and -j limits jobs here
        workflow.scheduler.job_rate_limiter = None
