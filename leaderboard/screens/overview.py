"""Which defense holds, against which attack, at what cost in utility, and how sure that is."""

from collections.abc import Sequence

import streamlit as st

from ...schemas import Track
from ..controls.drawing import draw_chart, draw_group_heading, draw_table, folded
from ..controls.shown import Ranked, Shown
from ..ranking.choice import Ranking
from ..ranking.results import cited
from ..ranking.standing import Standing
from ..tables.entries import entry_columns
from ..tables.standings import answer, standing_columns
from ..tables.table import MEASURE
from ..text import plain
from . import NO_ENTRIES

QUESTION = (
    "How much does the activation that a split network sends to the server give away? "
    "A defense counts as good as the **strongest attack** against it leaves it."
)


def draw(shown: Shown) -> None:
    """Draw the ranking of each group of comparable defenses."""
    st.title("Leakboard", anchor=False)
    st.markdown(QUESTION)
    told = st.empty()  # a place of its own, so that what follows stays in place in the browser
    if restrictions := shown.choice.restrictions:
        told.info(plain(f"Only attacks count {', '.join(restrictions)}."))
    rankings = shown.rankings
    if not rankings:
        st.info(NO_ENTRIES)
    for place, ranking in enumerate(rankings, start=1):
        draw_group(shown, ranking, place)


def draw_group(shown: Shown, ranking: Ranked, place: int) -> None:
    """Draw the ranking of one group, its figure, its controls and its entries."""
    track = shown.choice.track
    contenders = ranking.contenders
    controls = [standing for standing in ranking.standings if not standing.contender]
    draw_group_heading(ranking.group)
    if contenders:
        st.markdown(plain(answer(contenders)))
        draw_standings(ranking, track, contenders, f"Ranking {place}")
    if figure := ranking.trade_off:
        draw_chart(figure, f"Utility against worst-case leakage ({MEASURE[track]}) {place}")
    if controls:
        folded(
            f"Controls and diagnostics, never ranked ({len(controls)})",
            f"controls{place}",
            lambda: draw_standings(ranking, track, controls, f"Controls {place}"),
        )
    entries = shown.entries(ranking)
    folded(
        f"All entries ({len(entries):,})",
        f"entries{place}",
        lambda: draw_table(
            entry_columns(entries, shown.flags(ranking)),
            entries,
            f"Entries {place}",
            cited(entries),
        ),
    )


def draw_standings(
    ranking: Ranking, track: Track, standings: Sequence[Standing], name: str
) -> None:
    """Draw where defenses stand."""
    columns = standing_columns(ranking.group, track, standings)
    draw_table(columns, standings, name, {one for s in standings for one in s.cited})
