"""What the attacker sees: an image, what every release sends of it, and what attacks rebuild."""

import streamlit as st

from ..controls.choosing import segments, select_any
from ..controls.drawing import draw_pictures
from ..controls.shown import Shown
from ..figures.pictures import scores
from ..text import plain

NO_PICTURES = "No pictures: there are none yet, or the licence of these images forbids them."


def draw(shown: Shown) -> None:
    """Show one image at a time: what every release sends of it and what attacks rebuild."""
    images = shown.images
    st.title("What the attacker sees", anchor=False)
    if not images:
        st.info(NO_PICTURES)
        return
    numbers = [str(number) for number in range(1, len(images) + 1)]
    of_image = images[int(segments("Image", "image", numbers, default="1")) - 1]
    with st.container(horizontal=True):
        release = select_any("Release", "release", [view.gallery.release for view in of_image])
        rebuilt = dict.fromkeys(n for view in of_image for n in view.image.reconstructions)
        attack = select_any("Rebuilt by", "by", rebuilt)
    licence = of_image[0].gallery.licence
    st.caption(plain(f"Licence {licence.name}. {licence.citation}"))
    for view in of_image:
        if release in (None, view.gallery.release):
            st.markdown(f"**{plain(view.gallery.release)}**")
            known = scores(view, shown.rows, shown.board.values)
            draw_pictures(view.pictures(known, attack))
