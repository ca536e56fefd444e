"""How many parts a text is billed as, whatever the dialect it came in on."""

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")


def is_gsm(text: str) -> bool:
    """Whether *text* fits GSM-7; otherwise it goes out as UCS-2."""
    return all(char in _GSM_BASIC or char in _GSM_EXTENDED for char in text)


def segments_of(text: str) -> int:
    """
    Return how many parts carriers bill for *text*, with smart encoding off.

    160 septets alone and 153 a part (GSM-7), or 70 and 67 UTF-16 units. Neither an
    escape pair nor a surrogate pair is split across parts.
    """
    if is_gsm(text):
        sizes, alone, part = [2 if char in _GSM_EXTENDED else 1 for char in text], 160, 153
    else:
        sizes, alone, part = [2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67
    if sum(sizes) <= alone:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
