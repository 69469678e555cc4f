# What all rules share: the package of this checkout, the run's settings, the lock. No rule.
import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

sys.path.insert(0, workflow.basedir)
from kexue_pipe.graph import workflow as graph
from kexue_pipe.graph.errors import Refused

# The Python that runs Snakemake also runs the jobs, so `.venv/bin/snakemake` needs no activation.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [workflow.basedir, os.environ.get("PYTHONPATH")])
)
os.environ["KEXUE_PIPE_SNAKEMAKE_PID"] = str(os.getpid())
os.environ["POLARS_MAX_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

config.setdefault("suite", "default")
config.setdefault("device", os.environ.get("KEXUE_PIPE_DEVICE", "auto"))
try:
    validate(config, "../schemas/config.schema.yaml")
    graph.configure(config["suite"], config.get("seeds"))
except WorkflowError as error:
    sys.exit(f"error: --config {str(error).splitlines()[1].removeprefix('ValidationError: ')}")
except Refused as error:
    sys.exit(f"error: {error}")

# The device stands in no digest, so it travels in the environment and not in `params`.
os.environ["KEXUE_PIPE_DEVICE"] = config["device"]


wildcard_constraints:
    variant=r"task=[^/]+",
    suite=r"[^/]+",


onstart:
    try:
        graph.lock()
    except Refused as error:
        sys.exit(f"error: {error}")
