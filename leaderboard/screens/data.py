"""The releases on the board: how to load them, how large they are, and under which licence."""

import streamlit as st

from ..controls.choosing import select
from ..controls.drawing import draw_table
from ..controls.shown import Shown
from ..store.releases import RELEASE_COLUMNS, Listed, listed, loading
from ..text import plain

NOT_KEPT = (
    "The board does not hold the manifest of this release, so its size and licence are not known "
    "here: enter one of its scores again with `leakboard score … --board`."
)


def draw(shown: Shown) -> None:
    """Draw the releases of the chosen dataset, and one of them in full."""
    st.title("Data", anchor=False)
    st.markdown(
        "A release holds activations, inputs, weights and answers of one defense; the inputs and "
        "answers of `test` are withheld. `defender` trained the defense, attacks learn from "
        "`auxiliary` and are chosen on `validation`."
    )
    releases = listed(shown.board.folder, [r for r in shown.rows if shown.choice.of_dataset(r)])
    draw_table(RELEASE_COLUMNS, releases, "Releases")
    named = {f"{one.name} ({one.row.report.fingerprint[:8]})": one for one in releases}
    draw_release(named[select("Release", "release", list(named))])


def draw_release(release: Listed) -> None:
    """Draw how one release is fetched, checked and loaded, and its licence."""
    st.header("How to load it", anchor=False)
    name = release.name
    st.code(
        f"leakboard pull REPO {name}\nleakboard verify {name}", language="console", wrap_lines=True
    )
    # Plain: the colours of Streamlit's highlighting are too pale, and no theme changes them.
    st.code(loading(release), language=None, wrap_lines=True)
    st.markdown(f"Fingerprint `{release.row.report.fingerprint}`")
    st.header("Licence of the images", anchor=False)
    if release.manifest is None:
        st.info(NOT_KEPT)
        return
    licence = release.manifest.dataset.licence
    may = "may" if licence.redistributable else "must not"
    st.markdown(plain(f"{licence.name}: the images {may} be passed on. {licence.citation}"))
