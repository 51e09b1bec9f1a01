"""What a submitter declares about an attack: a small TOML file beside what is submitted.

A submission's `content` says of which kind that file is; a further kind is one more record in
`Content`, and one more case where a submission becomes a prediction file.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError

from .base import Record, problems_of
from .errors import BadSubmission, MissingData
from .scores import Setting, Track

MAXIMUM_BYTES = 64 * 2**10
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # control, direction, unassigned, separators


def _shown(text: str) -> str:
    """Refuse text that does not show what it holds, or is written in two ways."""
    for character in text:
        if unicodedata.category(character) in HIDDEN and character not in "\n\t":
            raise ValueError(f"holds the invisible character U+{ord(character):04X}; remove it")
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError("is not in Unicode's composed form (NFC); type it anew")
    return text


def _line(text: str) -> str:
    if text != " ".join(text.split()):
        raise ValueError("must be one line without spaces at its ends or in a row")
    return _shown(text)


def _matching(pattern: str, expected: str) -> AfterValidator:
    """Refuse text that is not of a pattern, and say what it should be."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {expected}")
        return text

    return AfterValidator(check)


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:  # a minimum length would be missed once more where a value is wrong
        raise ValueError("must hold one at least")
    return values


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_line)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9]([A-Za-z0-9 ._+-]{0,78}[A-Za-z0-9+])?",
        "at most 80 letters (A to Z), digits, spaces and ._+-, not at its ends",
    ),
]
Licence = Annotated[
    str, _matching(r"[A-Za-z0-9][A-Za-z0-9 .+()-]{0,63}", "a name such as CC-BY-4.0")
]
Address = Annotated[
    str, _matching(r"https?://[!-~]{1,290}", "an address that begins with https:// or http://")
]
Citation = Annotated[str, Field(max_length=4000), AfterValidator(_shown)]


class PredictionFile(Record):
    """The file holds predictions; they are scored as they are, and shown as declared."""

    kind: Literal["predictions"] = "predictions"


class Model(Record):
    """The file holds a model; the organiser makes the predictions of `test` with it."""

    kind: Literal["model"] = "model"
    format: Literal["onnx", "safetensors"]


Content = Annotated[PredictionFile | Model, Field(discriminator="kind")]


class Submission(Record):
    """Authors, threat model, budget and licence of one submitted attack.

    `auxiliary_records` is how many auxiliary pairs the attack was trained on, `compute` what it
    took (such as "2 h on one A100"), `licence` that of the submission.
    """

    name: Name
    authors: Annotated[tuple[Line, ...], Field(max_length=100), AfterValidator(_some)]
    track: Track
    setting: Setting
    auxiliary_records: int = Field(ge=0, lt=2**31)
    compute: Line
    seeds: Annotated[tuple[Seed, ...], Field(max_length=100), AfterValidator(_some)]
    licence: Licence
    paper: Address | None = None
    citation: Citation | None = None
    content: Content = PredictionFile()

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Self:
        """Validate what was declared; `BadSubmission` lists every problem with its field."""
        try:
            return cls.model_validate(declared)
        except ValidationError as invalid:
            raise BadSubmission(problems_of(invalid, cls)) from None


def read_declaration(path: Path) -> dict[str, Any]:
    """Read the TOML file of a submission, not validated; `BadSubmission` where it is no TOML."""
    if not path.is_file():
        raise MissingData(
            f"{path}: there is no such file; write there what the submission declares, as in "
            "docs/submissions.md"
        )
    with path.open("rb") as stream:
        content = stream.read(MAXIMUM_BYTES + 1)
    if len(content) > MAXIMUM_BYTES:
        raise BadSubmission([f"{path}: larger than {MAXIMUM_BYTES} bytes; keep what is asked for"])
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as problem:  # not text, not TOML, a number without end
        reason = str(problem).splitlines()[0][:200]
        raise BadSubmission([f"{path}: not a TOML file ({reason}); correct it"]) from None
