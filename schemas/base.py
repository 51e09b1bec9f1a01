"""The base of every record that crosses a file or a wire."""

import json
import math
from collections.abc import Iterable, Sequence
from inspect import isclass
from typing import Annotated, Any, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from .errors import LeakboardError, SchemaMismatch, nearest

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
            raise error(f"{where}: {describe(invalid, cls)}") from None

    @classmethod
    def parse_json(cls, content: str | bytes, where: str) -> Self:
        """Validate JSON as `parse` does, in about a third of the time; raises `SchemaMismatch`."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as invalid:
            raise SchemaMismatch(f"{where}: {describe(invalid, cls)}") from None


def describe(invalid: ValidationError, record: type[BaseModel]) -> str:
    """Put every problem of a validation into one line: field, what is wrong, what came."""
    return "; ".join(problems_of(invalid, record))


def problems_of(invalid: ValidationError, record: type[BaseModel]) -> list[str]:
    """Say of every problem of validating a `record` the field, what is wrong and what came."""
    return [_problem(record, e["loc"], e["type"], e["msg"], e["input"]) for e in invalid.errors()]


Location = tuple[int | str, ...]


def _problem(
    record: type[BaseModel], location: Location, kind: str, message: str, came: Any
) -> str:
    field = ".".join(str(part) for part in location) or "the record"
    if kind == "extra_forbidden":
        known = _keys(record, location[:-1])
        mend = nearest(str(location[-1]), known) if known else "remove or correct it"
        return f"unknown key {cut(field)}: {mend}"
    if kind == "missing":
        return f"key {field!r} is missing: add it"
    said = message.removeprefix("Value error, ").replace("a valid tuple", "a list")
    return f"{field}: {said[0].lower()}{said[1:]}, but got {cut(came)}"


def _keys(record: type[BaseModel], location: Location) -> Iterable[str]:
    """The keys that a table within a record has; none where it may be of several kinds."""
    for part in location:
        field = record.model_fields.get(str(part))
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        tables = [kind for kind in kinds if isclass(kind) and issubclass(kind, BaseModel)]
        if len(tables) != 1:
            return ()
        (record,) = tables
    return record.model_fields


def shortened(names: Sequence[str], most: int) -> str:
    """Name the first `most`, and say how many more there are.

    >>> shortened(["a", "b"], 2), shortened(["a", "b", "c", "d"], 2)
    ('a, b', 'a, b and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def cut(came: Any) -> str:
    """Show a value whole where it is short: it may be a megabyte of somebody else's."""
    try:
        shown = repr(came)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number that is too long"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
