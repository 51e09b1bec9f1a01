"""Two entries side by side, paired on the same images where their values per image are at hand."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from ...schemas import LeaderboardRow
from ..controls.choosing import select
from ..controls.drawing import draw_chart, draw_group_heading, draw_table
from ..controls.shown import Shown
from ..figures.curves import bars
from ..figures.figure import drawn
from ..ranking.pair import Pair, histogram, pair, verdict
from ..ranking.record import attack_name, target
from ..ranking.results import cited
from ..tables.entries import entry_columns
from ..tables.table import MEASURE, Column
from ..text import plain

COUNT_COLUMNS: tuple[Column[tuple[str, int]], ...] = (
    Column("Which", "Which of the two reads more of an image.", lambda row: row[0]),
    Column("Images", "On how many images.", lambda row: row[1]),
)
TOO_FEW = "There are not two entries to compare here: try other choices in the sidebar."


def draw(shown: Shown) -> None:
    """Let the reader choose two entries, and draw what separates them."""
    st.title("Compare", anchor=False)
    rows = [row for ranking in shown.rankings for row in shown.entries(ranking)]
    named = names(sorted(rows, key=lambda row: -row.report.headline.value))
    if len(named) < 2:
        st.info(TOO_FEW)
        return
    first = select("First entry", "first", list(named))
    second = select("Second entry", "second", [name for name in named if name != first])
    draw_pair(shown, named[first], named[second])


def names(rows: Sequence[LeaderboardRow]) -> dict[str, LeaderboardRow]:
    """Name each entry by attack, defense and seed, and by its id where that is not enough."""
    short = {row.entry_id: f"{attack_name(row)} on {target(row)}, seed {row.seed}" for row in rows}
    often = Counter(short.values())
    return {
        name if often[name := short[row.entry_id]] == 1 else f"{name} ({row.entry_id})": row
        for row in rows
    }


def draw_pair(shown: Shown, one: LeaderboardRow, other: LeaderboardRow) -> None:
    """Draw both entries, the verdict, and the differences of the images."""
    for ranking in shown.rankings:
        if one in ranking.rows:
            draw_group_heading(ranking.group)
    found = pair(one, other, shown.board.values)
    st.markdown(plain(verdict(one, other, found)))
    both, flags = [one, other], {row.entry_id: row.report.flags for row in (one, other)}
    draw_table(entry_columns(both, flags), both, "The two entries", cited(both))
    if isinstance(found, Pair):
        st.subheader("Image by image", anchor=False)
        draw_table(COUNT_COLUMNS, list(found.counts.items()), "Which reads more")
        title = f"First minus second ({MEASURE[shown.choice.track]} of an image)"
        draw_chart(drawn(bars(histogram(found.gaps), title, "Images")), "Differences of the images")
