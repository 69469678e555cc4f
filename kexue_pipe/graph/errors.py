"""The errors that a person sees: a sentence that names the value and the remedy."""


class Refused(ValueError):
    """Something that a person asked for and that cannot be done; the message is one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.splitlines()))  # a value may hold line breaks


class Misfit(Refused):
    """Known parts that do not go together: skipped and listed in a sweep, refused when alone."""
