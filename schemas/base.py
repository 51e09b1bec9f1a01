"""The base of every record that crosses a file or a wire."""

import json
import math
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from .errors import LeakboardError, SchemaMismatch

LONGEST_SHOWN = 200  # characters of a wrong value in a message

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
INFINITE = "infinite"


def _not_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("not a number")
    return value


# JSON has no infinity: a floor is "infinite" there where no unbiased estimator exists.
Extended = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(lambda value: math.inf if value == INFINITE else value),
    AfterValidator(_not_nan),
    PlainSerializer(lambda value: INFINITE if value == math.inf else value, when_used="json"),
]


class Record(BaseModel):
    """A frozen record that refuses unknown fields and non-finite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, revalidate_instances="never"
    )

    def to_json(self) -> str:
        """Write as indented JSON with a final newline, the same bytes for the same content."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, content: Any, where: str, error: type[LeakboardError] = SchemaMismatch) -> Self:
        """Validate plain data; `error` names `where` and every field that is wrong."""
        try:
            return cls.model_validate(content)
        except ValidationError as invalid:
            raise error(f"{where}: {describe(invalid)}") from None


def describe(invalid: ValidationError) -> str:
    """Put every problem of a validation into one line: field, what is wrong, what came."""
    return "; ".join(problems_of(invalid))


def problems_of(invalid: ValidationError) -> list[str]:
    """Say of every problem of a validation the field, what is wrong and what came."""
    return [_problem(e["loc"], e["type"], e["msg"], e["input"]) for e in invalid.errors()]


def _problem(location: tuple[int | str, ...], kind: str, message: str, came: Any) -> str:
    field = ".".join(str(part) for part in location) or "the record"
    if kind == "extra_forbidden":
        return f"unknown key {cut(field)}: remove or correct it"
    if kind == "missing":
        return f"key {field!r} is missing: add it"
    said = message.removeprefix("Value error, ").replace("a valid tuple", "a list")
    return f"{field}: {said[0].lower()}{said[1:]}, but got {cut(came)}"


def cut(came: Any) -> str:
    """Show a value whole where it is short: it may be a megabyte of somebody else's."""
    try:
        shown = repr(came)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number that is too long"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
