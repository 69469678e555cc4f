"""The source posts and the components that each one became.

The rows are those of `posts.yaml`: number in the archive of kexue.fm, date, original title, and
choices as on the command line. A choice without a yaml in `conf/` is not there yet.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

CONF = Path(__file__).parents[2] / "conf"


@dataclass(frozen=True)
class Post:
    """A post, with its components by name; `note` says what it became where it became none."""

    number: int
    date: str
    title: str
    components: tuple[str, ...] = ()
    note: str = ""

    @property
    def address(self) -> str:
        return f"https://kexue.fm/archives/{self.number}"


def posts() -> list[Post]:
    """Read the posts, oldest first."""
    text = Path(__file__).with_name("posts.yaml").read_text(encoding="utf-8")
    rows = yaml.load(text, yaml.CSafeLoader)
    found = [Post(**row | {"components": tuple(row.get("components", ()))}) for row in rows]
    return sorted(found, key=lambda post: (post.date, post.number))


def exists(choice: str) -> bool:
    """Tell whether a choice, such as `attention.scale=logn`, has a yaml."""
    group, _, name = choice.partition("=")
    return CONF.joinpath(*group.split("."), f"{name}.yaml").is_file()
