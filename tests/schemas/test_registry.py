from pathlib import Path

import pytest

from leakboard.schemas import Registry, UnknownName, UnknownOption

BLUR = """
from typing import Annotated, Literal
from pydantic import Field

class GaussianBlur:
    def __init__(
        self,
        *,
        sigma: Annotated[float, Field(ge=0)],
        steps: int = 1,
        edge: Literal["zero", "wrap"] = "zero",
    ) -> None:
        self.settings = (sigma, steps, edge)
"""


@pytest.fixture
def filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A folder with two plug-ins and a private module."""
    package = tmp_path / f"filters_{tmp_path.name}"  # another name for each test: imports are kept
    package.mkdir()
    (package / "__init__.py").write_text("class Filter:\n    pass\n")
    (package / "gaussian_blur.py").write_text(BLUR)
    (package / "none.py").write_text("class NoneFilter:\n    pass\n")
    (package / "_kernels.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return Registry("filter", package.name, "Filter")


def test_a_plug_in_is_a_file_in_the_folder(filters: Registry) -> None:
    assert filters.names() == ["gaussian_blur", "none"]
    assert filters.find("gaussian_blur").__name__ == "GaussianBlur"
    assert filters.find("none").__name__ == "NoneFilter"


def test_a_new_file_is_a_new_plug_in(filters: Registry, tmp_path: Path) -> None:
    (tmp_path / filters.package / "sharpen.py").write_text("class Sharpen:\n    pass\n")
    assert filters.names() == ["gaussian_blur", "none", "sharpen"]
    assert type(filters.create("sharpen", {})).__name__ == "Sharpen"


def test_options_are_the_keyword_arguments(filters: Registry) -> None:
    assert filters.create("gaussian_blur", {"sigma": 2}).settings == (2.0, 1, "zero")
    options = {"sigma": 0.5, "steps": 3, "edge": "wrap"}
    assert filters.create("gaussian_blur", options).settings == (0.5, 3, "wrap")


def test_what_a_plug_in_is_made_with_are_its_defaults_and_the_options(filters: Registry) -> None:
    resolved = {"sigma": 2, "steps": 1, "edge": "zero"}
    assert filters.resolved("gaussian_blur", {"sigma": 2}) == resolved
    assert filters.resolved("gaussian_blur", resolved | {"steps": 3}) == resolved | {"steps": 3}
    assert filters.resolved("none", {}) == {}


def test_a_misspelt_name_is_answered_with_the_nearest(filters: Registry) -> None:
    with pytest.raises(UnknownName, match="no filter 'gausian_blur': did you mean 'gaussian_blur'"):
        filters.find("gausian_blur")
    with pytest.raises(UnknownName, match="no filter '_kernels'"):
        filters.find("_kernels")
    with pytest.raises(UnknownName, match="no filter 'os': known: gaussian_blur, none"):
        filters.find("os")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sgima": 1.0}, "filter gaussian_blur has no option 'sgima': did you mean 'sigma'"),
        ({"self": 1.0, "sigma": 1.0}, "has no option 'self'"),
        ({}, "needs the option 'sigma'"),
        ({"sigma": "wide"}, "option 'sigma' cannot be 'wide': .* valid number"),
        ({"sigma": -1.0}, "option 'sigma' cannot be -1.0: .* greater than or equal to 0"),
        ({"sigma": float("nan")}, "option 'sigma' cannot be nan"),
        ({"sigma": 1.0, "steps": 1.5}, "option 'steps' cannot be 1.5"),
        ({"sigma": 1.0, "edge": "mirror"}, "option 'edge' cannot be 'mirror': .*'zero' or 'wrap'"),
    ],
    ids=str,
)
def test_an_option_it_cannot_take_is_named(
    filters: Registry, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UnknownOption, match=message) as refused:
        filters.create("gaussian_blur", options)
    assert "\n" not in str(refused.value)


def test_a_plug_in_from_elsewhere_is_an_object_path() -> None:
    found = Registry("number", "numbers", "Rational").find("fractions:Fraction")
    assert found.__module__ == "fractions"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_package.attack:Attack", "cannot be imported"),
        ("fractions:NoSuchAttack", "cannot be imported"),
        (":Attack", "cannot be imported"),
        ("fractions:", "is not a class|cannot be imported"),
        ("math:sqrt", "is not a class derived from leakboard.schemas.Record"),
        ("fractions:Fraction", "is not a class derived from leakboard.schemas.Record"),
    ],
)
def test_an_object_path_that_leads_nowhere_is_refused(path: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        Registry("attack", "leakboard.schemas", "Record").find(path)
