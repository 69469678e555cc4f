"""The command line of a person: `kexue-pipe task=text position=rope position.base=500`.

Overrides and `-m` sweeps are Hydra's grammar, and go to Snakemake as one graph; `--cfg job`,
`--info` and tab completion are Hydra's own. A first word without `=` is a command:
`why`, `list`, `prune`.
"""

import os
import sys
from typing import Any

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import COLLECTIONS, CONF, options
from kexue_pipe.graph.sources import ROOT

COMPOSING = ("cfg", "info")  # flags of Hydra that compose what is asked for
OTHERS = ("hydra_help", "shell_completion")


def main() -> None:
    """Say what a person can mend in one sentence; a reader that stops early is no mistake."""
    try:
        code = _main()
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (Refused, OSError) as error:
        sys.exit(f"error: {error}")
    sys.exit(code)


def _main() -> int:
    from hydra._internal.utils import get_args_parser

    arguments = get_args_parser().parse_args()
    if arguments.help:
        from kexue_pipe.command.help import text

        print(text())
    elif any(getattr(arguments, name) for name in (*COMPOSING, *OTHERS)):
        _hydra(arguments.overrides, any(getattr(arguments, name) for name in COMPOSING))
    else:
        return _command(arguments.overrides, arguments.multirun)
    return 0


def _command(words: list[str], multirun: bool) -> int:
    """Run a command, or the overrides of a variant or a sweep."""
    if words[:1] == ["why"]:
        from kexue_pipe.command.why import why

        return why(words[1:])
    os.chdir(ROOT)
    if words == ["list"]:
        from kexue_pipe.command.results import show

        return show()
    if words[:1] == ["prune"]:
        from kexue_pipe.command.results import prune

        return prune(words[1:])
    from kexue_pipe.command.run import run

    return run(words, multirun)


def _hydra(overrides: list[str], composing: bool) -> None:
    """Let Hydra answer its own flags; what it composes holds full collections."""
    import hydra

    given = {text.split("=")[0] for text in overrides}
    full = [f"{g}=[{','.join(options(g))}]" for g in COLLECTIONS if g not in given]
    flags = [word for word in sys.argv[1:] if word not in overrides]
    sys.argv[1:] = [*overrides, *(full if composing else []), *flags]
    hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(_shown)()


def _shown(config: Any) -> None:
    """Stand in for a job: Hydra has printed what was asked for before it would run one."""


if __name__ == "__main__":
    main()
