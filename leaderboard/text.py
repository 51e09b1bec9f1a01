"""Text for a page that reads Markdown."""

import re

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
ADDRESS = re.compile(r"https?(?=:)|www(?=\.)|(?=@)", re.IGNORECASE)
WORD_JOINER = "\u2060"  # has no width; an address that holds it is not made into a link


def plain(text: str) -> str:
    r"""Escape Markdown, so that text which others wrote is shown as it is.

    >>> print(plain("<b>*x*</b>"))
    \<b\>\*x\*\<\/b\>
    """
    return PUNCTUATION.sub(r"\\\1", ADDRESS.sub(rf"\g<0>{WORD_JOINER}", text))
