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

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
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
    return "; ".join(_problem(e["loc"], e["type"], e["msg"], e["input"]) for e in invalid.errors())


def _problem(location: tuple[int | str, ...], kind: str, message: str, came: Any) -> str:
    field = ".".join(str(part) for part in location) or "the record"
    if kind == "extra_forbidden":
        return f"unknown key {field!r}"
    if kind == "missing":
        return f"key {field!r} is missing"
    return f"{field}: {message[0].lower()}{message[1:]}, but got {came!r}"
