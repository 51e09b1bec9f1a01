"""Which defense holds, against which attack, at what cost in utility, and how sure that is."""

from collections.abc import Sequence

import streamlit as st

from ...schemas import Track
from ..drawing import draw_table, facts
from ..figures import trade_off
from ..health import flags
from ..ranking import Standing
from ..shown import Ranking, Shown
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
    for ranking in shown.rankings:
        draw_group(ranking, shown.choice.track)


def draw_group(ranking: Ranking, track: Track) -> None:
    """Draw the ranking of one group, its figure, its controls and its entries."""
    group, rows = ranking.group, ranking.rows
    contenders = [standing for standing in ranking.standings if standing.contender]
    controls = [standing for standing in ranking.standings if not standing.contender]
    st.header(plain(f"Task {group.task}, sensitive {group.sensitive}"), anchor=False)
    st.caption(plain(facts(group)))
    if contenders:
        st.markdown(plain(answer(contenders)))
        draw_table(standing_columns(group, track, contenders), contenders, "Ranking")
        draw_figure(contenders, track)
    if controls:
        with st.expander(f"Controls and diagnostics, never ranked ({len(controls)})"):
            draw_table(standing_columns(group, track, controls), controls, "Controls")
    entries = [row for row in rows if row.report.track is track]
    with st.expander(f"All entries ({len(entries)})"):
        draw_table(entry_columns(entries, flags(rows)), entries, "Entries")


def draw_figure(contenders: Sequence[Standing], track: Track) -> None:
    """Draw utility against leakage where something was attacked."""
    if any(standing.leakage for standing in contenders):
        alt = f"Utility against worst-case leakage ({MEASURE[track]})"
        st.altair_chart(trade_off(contenders, track), alt=alt)
