"""What the attacker sees: an image, what every release sends of it, and what attacks rebuild."""

from collections.abc import Sequence

import streamlit as st

from ..choosing import segments
from ..drawing import draw_pictures
from ..pictures import View, views
from ..shown import Shown
from ..text import plain


def draw(shown: Shown) -> None:
    """Draw the pictures of the chosen releases."""
    fingerprints = {row.report.fingerprint for row in shown.chosen}
    draw_gallery(views(shown.board.folder, fingerprints))


def draw_gallery(images: Sequence[Sequence[View]]) -> None:
    """Show one image at a time: what every release sends of it and what attacks rebuild."""
    st.title("What the attacker sees", anchor=False)
    if not images:
        st.info("No pictures: there are none yet, or the licence of these images forbids them.")
        return
    numbers = [str(number) for number in range(1, len(images) + 1)]
    number = segments("Image", "image", numbers, default="1")
    shown = images[int(number) - 1]
    licence = shown[0].gallery.licence
    st.caption(plain(f"Licence {licence.name}. {licence.citation}"))
    for view in shown:
        st.markdown(f"**{plain(view.gallery.release)}**")
        draw_pictures(view.pictures)
