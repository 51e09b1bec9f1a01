"""What a reader chooses to see: the choices, and the controls that hold them in the address."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ..schemas import PUBLIC_SPLITS, LeaderboardRow, Track
from .ranking import LOSSES


@dataclass(frozen=True)
class Choice:
    """Track, dataset and split, and how much utility a ranked defense may lose."""

    track: Track
    dataset: str
    split: str
    allowed_loss: float

    def shows(self, row: LeaderboardRow) -> bool:
        """Whether an entry is of the chosen images."""
        return row.dataset == self.dataset and row.report.split == self.split


def choose(rows: Sequence[LeaderboardRow]) -> Choice:
    """Let the reader choose track, dataset, split and allowed loss; each is kept in the URL."""
    scored_tracks = {row.report.track for row in rows}
    tracks = [str(track) for track in Track if track in scored_tracks]
    track = Track(segments("Track", "track", tracks, default=tracks[0]))
    scored = [row for row in rows if row.report.track is track]
    dataset = st.selectbox(
        "Dataset", sorted({row.dataset for row in scored}), key="dataset", bind="query-params"
    )
    found = {row.report.split for row in scored if row.dataset == dataset}
    splits = [split for split in PUBLIC_SPLITS if split in found]
    split = segments("Split", "split", splits, default=splits[-1])
    points = [f"{100 * loss:g}" for loss in LOSSES]
    allowed = segments("Utility loss of at most … points", "loss", points, default=points[-1])
    return Choice(track, dataset, split, float(allowed) / 100)


def segments(label: str, key: str, options: Sequence[str], default: str) -> str:
    """Offer a few options side by side; one is always chosen, and the URL keeps which."""
    return st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params"
    )
