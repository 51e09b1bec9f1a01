"""Text of the board, and for a page that reads Markdown."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
ADDRESS = re.compile(r"https?(?=:)|www(?=\.)|(?=@)", re.IGNORECASE)
WORD_JOINER = "\u2060"  # has no width; an address that holds it is not made into a link


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    r"""Escape Markdown, so that text which others wrote is shown as it is.

    >>> print(plain("<b>*x*</b>"))
    \<b\>\*x\*\<\/b\>
    """
    return PUNCTUATION.sub(r"\\\1", ADDRESS.sub(rf"\g<0>{WORD_JOINER}", text))


def unmarked(text: str) -> str:
    """Take the marks of code and emphasis out of Markdown of ours.

    >>> unmarked("`top1` is *surer*")
    'top1 is surer'
    """
    return re.sub("[`*]", "", text)


def written(options: Mapping[str, Any]) -> str:
    """Write options on one line, sorted.

    >>> written({"rho": 1.0, "mode": "input"})
    'mode=input rho=1.0'
    """
    plain = {k: v if isinstance(v, str) else json.dumps(v) for k, v in sorted(options.items())}
    return " ".join(f"{name}={value}" for name, value in plain.items())
