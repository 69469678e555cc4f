"""The one error that a person sees: a sentence that names the value and the remedy."""


class Refused(ValueError):
    """Something that a person asked for and that cannot be done; the message is one sentence."""
