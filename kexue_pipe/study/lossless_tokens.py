"""How many bits a token needs if an image is to be kept without loss.

    bits = 3 side^2 b / L,   b bits per byte of a good model, three bytes per pixel, L tokens

Source: “闭门造车”之多模态思路浅谈(一):无损输入 (post 9984, 2024-02-21). Departure: none.
"""


def bits(side: int, bits_per_byte: float, num_tokens: int) -> float:
    """Give log2 of the size of the vocabulary that is needed."""
    return 3 * side**2 * bits_per_byte / num_tokens
