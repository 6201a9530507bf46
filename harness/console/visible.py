"""Text of others, such as a program's log, made fit for a terminal: what would steer it is shown, and does nothing."""

#: Line feed and tab are what people expect of a text; the rest moves the cursor, sets titles, or turns text around.
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {each: ascii(chr(each))[1:-1] for each in _CONTROLS if chr(each) not in "\n\t"}


def visible(text: str) -> str:
    r"""`text` with its control characters spelt out, as ``\x1b``; line feeds and tabs stay."""
    return text.translate(_SHOWN)
