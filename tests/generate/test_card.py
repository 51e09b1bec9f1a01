"""The data card says what kind of release it is, and its numbers are those of the release."""

import re
from importlib.resources import files

import numpy as np
import pytest

from leakboard.generate.hub.card import card
from leakboard.schemas import Release, answers

from ..tiny import MakeRelease


@pytest.mark.parametrize(
    ("defense", "kind"),
    [("none", "undefended"), ("disco", "defended"), ("gaussian_noise", "randomized")],
)
def test_the_card_says_what_a_release_of_its_kind_is_for(
    release_of: MakeRelease, defense: str, kind: str
) -> None:
    shown = (release_of(defense).folder / "README.md").read_text("utf-8")
    assert (files("leakboard.data_cards") / f"release-{kind}.md").read_text("utf-8") in shown
    assert "$" not in shown


def test_the_card_of_a_control_says_so(release: Release) -> None:
    control = release.manifest.model_copy(update={"ranked": False})
    balance = {"smiling": (0.5, 0.5), "gender": (0.5, 0.5)}
    assert "## A control" in card(control, release.measurements, balance)


def test_the_class_balance_is_that_of_the_auxiliary_records(release: Release) -> None:
    shown = " ".join((release.folder / "README.md").read_text("utf-8").split())
    (said,) = re.findall(r"Class balance of `auxiliary`: (.*?)\. (?=No|#)", shown)
    table = answers(release, "auxiliary", None)
    for column, attribute in (("task", "smiling"), ("sensitive", "gender")):
        labels = np.asarray(table.column(column))
        classes = getattr(release.manifest, column).classes
        shares = [f"{name} {(labels == n).mean():.3f}" for n, name in enumerate(classes)]
        assert f"{attribute} {', '.join(shares)}" in said
