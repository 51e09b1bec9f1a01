"""Which defense holds, against which attack, at what cost in utility, and how sure that is."""

import streamlit as st

from ..choice import Ranking
from ..drawing import draw_chart, draw_group_heading, draw_table
from ..figures import trade_off
from ..shown import Shown
from ..table import MEASURE, answer, entry_columns, standing_columns
from ..text import plain

QUESTION = (
    "How much does the activation that a split network sends to the server give away? "
    "A defense counts as good as the **strongest attack** against it leaves it."
)


def draw(shown: Shown) -> None:
    """Draw the ranking of each group of comparable defenses."""
    st.title("Leakboard", anchor=False)
    st.markdown(QUESTION)
    if restrictions := shown.choice.restrictions:
        st.info(plain(f"Only attacks count {', '.join(restrictions)}."))
    for ranking in shown.rankings:
        draw_group(shown, ranking)


def draw_group(shown: Shown, ranking: Ranking) -> None:
    """Draw the ranking of one group, its figure, its controls and its entries."""
    group, track = ranking.group, shown.choice.track
    contenders = [standing for standing in ranking.standings if standing.contender]
    controls = [standing for standing in ranking.standings if not standing.contender]
    draw_group_heading(group)
    if contenders:
        st.markdown(plain(answer(contenders)))
        draw_table(standing_columns(group, track, contenders), contenders, "Ranking")
    if any(standing.leakage for standing in contenders):
        alt = f"Utility against worst-case leakage ({MEASURE[track]})"
        draw_chart(trade_off(contenders, track), alt)
    if controls:
        with st.expander(f"Controls and diagnostics, never ranked ({len(controls)})"):
            draw_table(standing_columns(group, track, controls), controls, "Controls")
    entries = shown.entries(ranking)
    with st.expander(f"All entries ({len(entries)})"):
        draw_table(entry_columns(entries, shown.flags(ranking)), entries, "Entries")
