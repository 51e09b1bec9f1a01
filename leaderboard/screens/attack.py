"""Everything about one attack: what it reads from each defense, and the command that runs it."""

from collections.abc import Sequence

import streamlit as st

from ...schemas import LeaderboardRow
from ..controls.choosing import select
from ..controls.drawing import draw_chart, draw_group_heading, draw_table
from ..controls.shown import Shown
from ..figures.curves import Point, ladder
from ..figures.figure import drawn
from ..ranking.choice import Ranking
from ..ranking.record import attack_name, attacks, target
from ..ranking.results import cited, commands, results
from ..tables.results import result_columns
from ..tables.table import MEASURE
from ..text import plain
from . import NO_ENTRIES

RUN_IT = "How to run it"


def draw(shown: Shown) -> None:
    """Draw the chosen attack in every group in which it was made."""
    st.title("Attack", anchor=False)
    rankings = shown.rankings
    made = [row for ranking in rankings for row in shown.entries(ranking)]
    strongest = [name for r in rankings for s in r.standings for name in s.attacks]
    names = dict.fromkeys([*strongest, *sorted(map(attack_name, made))])
    if not names:
        st.info(NO_ENTRIES)
        return
    name = select("Attack with its options", "attack", list(names))
    targets = dict.fromkeys(target(row) for row in made if attack_name(row) == name)
    on = select("Defense to run it on", "defense", list(targets))
    for place, ranking in enumerate(rankings, start=1):
        entries = [row for row in shown.entries(ranking) if attack_name(row) == name]
        if entries:
            draw_attack(shown, ranking, name, entries, place)
            draw_commands(ranking, [row for row in entries if target(row) == on] or entries)


def draw_attack(
    shown: Shown, ranking: Ranking, name: str, entries: Sequence[LeaderboardRow], place: int
) -> None:
    """Draw what one attack reads from each defense, beside the worst case."""
    track = shown.choice.track
    draw_group_heading(ranking.group)
    held = [s.name for s in ranking.standings if name in s.attacks]
    if held:
        st.markdown(plain(f"It is the strongest attack on {', '.join(held)}."))
    elif attacks(entries, track):
        st.markdown("It is the strongest attack on no defense.")
    else:
        st.markdown("It is a yardstick and never ranked: it guesses, or reads the input itself.")
    made = results(entries)
    draw_table(result_columns(made, ["Defense"]), made, f"What it reads {place}", cited(entries))
    worst = {s.config_id: s.leakage for s in ranking.standings}
    points = []
    for result in made:
        points.append(Point("this attack", result.target, result.headline))
        if leakage := worst.get(result.first.config_id):
            points.append(Point("worst case", result.target, leakage))
    title = f"Leakage ↓ ({MEASURE[track]})"
    draw_chart(drawn(ladder(points, title)), f"What it reads beside the worst case {place}")


def draw_commands(ranking: Ranking, entries: Sequence[LeaderboardRow]) -> None:
    """Draw the commands that make the strongest of the entries."""
    row = results(entries)[0].first
    st.subheader(plain(f"{RUN_IT} on {target(row)}"), anchor=False)
    largest = max(row.report.auxiliary_records for row in ranking.rows)
    st.code("\n".join(commands(row, largest)), language="console", wrap_lines=True)
