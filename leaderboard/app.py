"""The page: `streamlit run app.py -- BOARD`, or the board's folder in LEAKBOARD_BOARD."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from leakboard.leaderboard.figures import trade_off
from leakboard.leaderboard.health import flags
from leakboard.leaderboard.pictures import SIDE, View, magnified, views
from leakboard.leaderboard.ranking import LOSSES, Group, Standing, groups, standings
from leakboard.leaderboard.store import Board
from leakboard.leaderboard.table import (
    MEASURE,
    Column,
    Row,
    answer,
    entry_columns,
    standing_columns,
    table,
)
from leakboard.leaderboard.text import plain
from leakboard.schemas import PUBLIC_SPLITS, LeaderboardRow, LeakboardError, Track

QUESTION = (
    "How much does the activation that a split network sends to the server give away? "
    "A defense counts as good as the **strongest attack** against it leaves it."
)
METHOD = """
- **Worst case.** Per release the strongest attack counts, chosen on validation where it was
  scored there too; a guess that never looks at the activation, or a ceiling that reads the input
  itself, is an anchor and not an attack.
- **Utility.** Noise without end protects perfectly, so a rank is given only among defenses that
  lose at most the chosen points of accuracy against the undefended network.
- **Certainty.** Square brackets hold 95 % intervals, n counts images. Defenses that a paired test
  on the same images does not separate share places; without values per image, those whose
  intervals overlap. A rank needs 3 training seeds; with fewer it is provisional.
- **Missing is missing.** Nobody attacked it: no leakage and no rank, never zero.
- **Arrows** say which way is better for the people in the images: ↑ more, ↓ less.
"""
NO_RESULTS = "No results yet: run `leakboard demo`, then `leakboard serve --board demo-out/board`."
NO_BOARD = "No board was named: start with `leakboard serve --board DIR`."


def main() -> None:
    """Draw the page for the board that was named."""
    st.set_page_config(page_title="Leakboard", layout="wide")
    st.title("Leakboard", anchor=False)
    st.markdown(QUESTION)
    board = board_folder()
    if board is None:
        st.info(NO_BOARD)
        return
    try:
        draw(board)
    except LeakboardError as problem:
        st.error(plain(str(problem)))


def board_folder() -> Path | None:
    """The folder named on the command line, or else in the environment."""
    named = [*sys.argv[1:2], os.environ.get("LEAKBOARD_BOARD", "")]
    return next((Path(name) for name in named if name), None)


def draw(board: Path) -> None:
    """Draw choices, rankings and pictures, or say how to get results."""
    opened = Board.open(board) if (board / "results").is_dir() else None
    rows = opened.rows() if opened else []
    if opened is None or not rows:
        st.info(NO_RESULTS)
        return
    track, chosen, allowed_loss = choose(rows)
    validation = [row for row in rows if row.report.split == "validation"]
    for group, part in groups(chosen, track).items():
        placed = standings(part, track, allowed_loss, validation, opened.values)
        draw_group(group, part, track, placed)
    with st.expander("How to read this"):
        st.markdown(METHOD)
    draw_gallery(views(board, {row.report.fingerprint for row in chosen}))


def choose(rows: Sequence[LeaderboardRow]) -> tuple[Track, list[LeaderboardRow], float]:
    """Let the reader choose track, dataset, split and allowed loss; each is kept in the URL."""
    with st.container(horizontal=True):
        scored_tracks = {row.report.track for row in rows}
        tracks = [str(track) for track in Track if track in scored_tracks]
        track = Track(segments("Track", "track", tracks, default=tracks[0]))
        scored = [row for row in rows if row.report.track is track]
        dataset = st.selectbox(
            "Dataset",
            sorted({row.dataset for row in scored}),
            key="dataset",
            width=220,
            bind="query-params",
        )
        found = {row.report.split for row in scored if row.dataset == dataset}
        splits = [split for split in PUBLIC_SPLITS if split in found]
        split = segments("Split", "split", splits, default=splits[-1])
        points = [f"{100 * loss:g}" for loss in LOSSES]
        allowed = segments("Utility loss of at most … points", "loss", points, default=points[-1])
    chosen = [row for row in rows if row.dataset == dataset and row.report.split == split]
    return track, chosen, float(allowed) / 100


def segments(label: str, key: str, options: Sequence[str], default: str) -> str:
    """Offer a few options side by side; one is always chosen, and the URL keeps which."""
    return st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params"
    )


def draw_group(
    group: Group, rows: Sequence[LeaderboardRow], track: Track, placed: Sequence[Standing]
) -> None:
    """Draw the ranking of one group, its figure, its controls and its entries."""
    contenders = [standing for standing in placed if standing.contender]
    controls = [standing for standing in placed if not standing.contender]
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


def facts(group: Group) -> str:
    """What all entries of a group share, on one line."""
    shared = [
        group.dataset,
        f"{group.image_size} px",
        f"{group.network} split after {group.split_layer} ({group.split_index})",
        f"{group.split} split",
        f"{group.scale} scale",
        group.dataset_options,
    ]
    return " · ".join(fact for fact in shared if fact)


def draw_table(columns: Sequence[Column[Row]], rows: Sequence[Row], alt: str) -> None:
    """Draw a table whose columns explain themselves."""
    config = {
        column.label: st.column_config.Column(
            help=plain(column.help), width="medium" if column.prose else None
        )
        for column in columns
    }
    shown = table(columns, rows)
    st.dataframe(shown, hide_index=True, column_config=config, placeholder="", alt=alt)


def draw_figure(contenders: Sequence[Standing], track: Track) -> None:
    """Draw utility against leakage where something was attacked."""
    if any(standing.leakage for standing in contenders):
        alt = f"Utility against worst-case leakage ({MEASURE[track]})"
        st.altair_chart(trade_off(contenders, track), alt=alt)


def draw_gallery(images: Sequence[Sequence[View]]) -> None:
    """Show one image at a time: what every release sends of it and what attacks rebuild."""
    st.header("What the attacker sees", anchor=False)
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


def draw_pictures(pictures: Mapping[str, Path]) -> None:
    """Draw pictures side by side, each under its caption."""
    with st.container(horizontal=True):
        for caption, path in pictures.items():
            st.image(magnified(path), width=SIDE, caption=plain(caption), alt=caption)


if __name__ == "__main__":
    main()
