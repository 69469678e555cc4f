"""`kexue-pipe --help`: what can be written on the command line, read from `conf/`."""

import re

from kexue_pipe.graph.options import CONF, GROUP_DOC, options, sentence, subgroups

USAGE = """\
kexue-pipe OVERRIDES        train, evaluate and report one variant beside the default suite
kexue-pipe -m OVERRIDES     the same for every point of a sweep, as one graph
kexue-pipe claim=NAME       run what one claim of conf/claim/ needs and print its verdict
kexue-pipe why FILE         what a file was made from, what changed since, what would run again
kexue-pipe list             what stands in results/, how large it is, which suites use it
kexue-pipe prune            which checkpoints no suite uses; dry_run=false deletes them
kexue-pipe --cfg job OVERRIDES          the composed configuration
eval "$(kexue-pipe -sc install=bash)"   tab completion

An override is GROUP=OPTION (position=alibi), a number inside one (position.base=500), or a run key.
After -m also a choice (position=rope,alibi), a range (position.base=range(100,900,400)) and a glob
(position=glob(r*,exclude=rope_2d)); quote what the shell would read."""
RUN_KEY = re.compile(r"^((?:\w+:\n  )?\w+): (\S+) +# (.*)$", re.M)  # also `report:\n  language:`


def text() -> str:
    """Give usage, run keys, and every group with its options and their sentences."""
    config = (CONF / "config.yaml").read_text(encoding="utf-8")
    lines = [USAGE, "", "run keys"]
    for key, value, doc in RUN_KEY.findall(config):
        lines.append(_line("{}={}".format(re.sub(r":\s+", ".", key), value), doc))
    for group, doc in GROUP_DOC.findall(config):
        lines += ["", f"{group}: {doc}"]
        for part in (group, *subgroups(group)):
            lines += ["", f"{part.replace('/', '.')}:"] if part != group else []
            lines += [_line(option, sentence(part, option)) for option in options(part)]
    return "\n".join(lines)


def _line(word: str, doc: str) -> str:
    return f"  {word:<18}  {doc}"
