"""How the numbers come about, what they do not mean, and what is wrong with published ones."""

import streamlit as st

from ..controls.drawing import draw_table
from ..controls.shown import Shown
from ..method import METRIC_COLUMNS, METRICS, RULES, known_errors


def draw(shown: Shown) -> None:
    """Draw the rules of the board, its metrics and the known errors."""
    st.title("Method", anchor=False)
    st.markdown("\n".join(f"- **{title}.** {text}" for title, text in RULES.items()))
    st.header("Metrics", anchor=False)
    st.markdown(
        "A defense is ranked by `top1` on the attribute track and by `ssim` on the reconstruction "
        "track; `leakboard conformance` checks your own metric code against golden vectors."
    )
    draw_table(METRIC_COLUMNS, METRICS, "Metrics")
    st.header("Known errors in published numbers", anchor=False)
    known = known_errors()
    st.markdown(known.about)
    st.markdown("\n".join(f"- **{title}.** {text}" for title, text in known.errors.items()))
