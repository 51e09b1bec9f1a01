"""Everything about one defense: its settings, every attack on it, and how its worst case rose."""

from collections.abc import Sequence

import streamlit as st

from ...schemas import Track
from ..controls.choosing import select
from ..controls.drawing import draw_chart, draw_group_heading, draw_table
from ..controls.shown import Shown
from ..figures.curves import Point, curve, numeric_options
from ..figures.figure import drawn
from ..ranking.choice import Ranking
from ..ranking.record import PRIOR
from ..ranking.results import Result, cited, history, results
from ..ranking.standing import Standing
from ..tables.results import history_columns, result_columns
from ..tables.table import MEASURE
from ..text import plain
from . import NO_ENTRIES
from .overview import draw_standings

BUDGETS = (
    "No attack was made with different numbers of auxiliary records; "
    "`leakboard attack-suite` does so for the strongest."
)


def draw(shown: Shown) -> None:
    """Draw the chosen defense in every group that has it."""
    st.title("Defense", anchor=False)
    rankings = shown.rankings
    names = dict.fromkeys(s.name for ranking in rankings for s in ranking.standings)
    if not names:
        st.info(NO_ENTRIES)
        return
    name = select("Defense with its options", "defense", list(names))
    for place, ranking in enumerate(rankings, start=1):
        for standing in ranking.standings:
            if standing.name == name:
                draw_defense(shown, ranking, standing, place)


def draw_defense(shown: Shown, ranking: Ranking, standing: Standing, place: int) -> None:
    """Draw one configuration, beside others of the same defense."""
    track = shown.choice.track
    settings = [s for s in ranking.standings if s.defense == standing.defense]
    made = [row for row in shown.entries(ranking) if row.config_id == standing.config_id]
    draw_group_heading(ranking.group)
    st.markdown(plain(summary(standing)))
    draw_standings(ranking, track, settings, f"Settings {place}")
    draw_option_curves(ranking, track, settings, place)
    st.subheader("Every attack on it", anchor=False)
    tried = results(made)
    if not tried:
        st.info(f"No {track} attack counts here: try other choices in the sidebar.")
        return
    draw_table(result_columns(tried, ["Attack"]), tried, f"Attacks on it {place}", cited(made))
    st.subheader("What more auxiliary records give", anchor=False)
    draw_budgets([r for r in tried if r.first.report.attack != PRIOR], MEASURE[track], place)
    st.subheader("How its worst case rose", anchor=False)
    validation = [row for row in shown.rows if row.report.split == "validation"]
    steps = history(made, track, validation)
    draw_table(history_columns(track), steps, f"History {place}")
    if len(steps) > 1:
        points = [Point("worst case", step.since, step.leakage) for step in steps]
        title = f"Worst-case leakage ↓ ({MEASURE[track]})"
        rise = curve(points, "Time (UTC)", title, "utc", steps=True)
        draw_chart(drawn(rise), f"Worst case over time {place}")


def summary(standing: Standing) -> str:
    """What is known of a defense, in two sentences."""
    if standing.leakage is None:
        return f"Nobody has attacked {standing.name}: nothing is known of what it lets through."
    place = f"place {standing.rank}" if standing.rank else f"no rank: {standing.unranked}"
    return (
        f"The strongest attack on {standing.name}, {', '.join(standing.attacks)}, reads "
        f"{standing.leakage}. Its utility is {standing.utility}; {place}."
    )


def draw_option_curves(
    ranking: Ranking, track: Track, settings: Sequence[Standing], place: int
) -> None:
    """Draw leakage and utility against each option in which the settings differ."""
    options = {row.config_id: row.defense_options for row in ranking.rows}
    attacked = [s for s in settings if s.leakage]
    for name in numeric_options([options[s.config_id] for s in attacked]):
        given = [(options[s.config_id][name], s) for s in attacked if name in options[s.config_id]]
        points = [
            point
            for x, s in sorted(given, key=lambda one: one[0])
            if s.leakage is not None
            for point in (
                Point(f"worst-case leakage ↓ ({MEASURE[track]})", x, s.leakage),
                Point("utility ↑ (task accuracy)", x, s.utility),
            )
        ]
        st.subheader(plain(f"Against {name}"), anchor=False)
        chart = curve(points, name, "Leakage and utility")
        draw_chart(drawn(chart), f"Leakage and utility over {name} {place}")


def draw_budgets(tried: Sequence[Result], measure: str, place: int) -> None:
    """Draw what each attack reads with ever more auxiliary records, where there are any two."""
    points = [
        Point(result.attack, result.first.report.auxiliary_records, result.headline)
        for result in sorted(tried, key=lambda one: one.first.report.auxiliary_records)
        if result.first.report.auxiliary_records
    ]
    several = [p for p in points if len({q.x for q in points if q.series == p.series}) > 1]
    if several:
        chart = curve(several, "Auxiliary records", f"Leakage ↓ ({measure})", "log")
        draw_chart(drawn(chart), f"Leakage over auxiliary records {place}")
    else:
        st.caption(BUDGETS)
