import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakboard import schemas
from leakboard.schemas import LeakboardError, UsageError, errors
from leakboard.schemas.errors import nearest


def tree(base: type[LeakboardError]) -> dict[str, str]:
    """Map the name of every error below `base` to its parent's."""
    found = {child.__name__: base.__name__ for child in base.__subclasses__()}
    for child in base.__subclasses__():
        found |= tree(child)
    return found


def drawn_tree(text: str) -> dict[str, str]:
    """Read the tree drawn in a docstring: each level is four columns deeper."""
    parents, found = {0: "LeakboardError"}, {}
    for prefix, name in re.findall(r"^([│ ]*[├└]── )(\w+)", text, re.MULTILINE):
        depth = len(prefix) // 4
        parents[depth] = name
        found[name] = parents[depth - 1]
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    assert errors.__doc__ is not None
    assert drawn_tree(errors.__doc__) == tree(LeakboardError)


@pytest.mark.parametrize("name", sorted(tree(LeakboardError)))
def test_every_error_is_public_and_exits_2_exactly_for_a_usage_error(name: str) -> None:
    error = getattr(schemas, name)
    assert error.exit_code == (2 if issubclass(error, UsageError) else 1)


names = st.lists(st.text("abcdefgh_", min_size=1, max_size=12), min_size=1, unique=True)


@given(names, st.data())
def test_a_known_name_is_its_own_nearest(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    assert nearest(name, known) == f"did you mean {name!r}?"


def test_where_nothing_is_near_everything_known_is_listed() -> None:
    assert nearest("zzz", ["disco", "none"]) == "known: disco, none"
    assert nearest("zzz", []) == "known: nothing"
