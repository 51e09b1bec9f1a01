"""The controls by which a reader chooses; each is kept in the address."""

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import streamlit as st

from ...schemas import Setting, Track
from ..ranking.choice import Checked, Choice, Images, Offered, first
from ..ranking.rules import LOSSES

ANY = "any"


def choose(offers: Mapping[Track, Mapping[str, Offered]]) -> Choice:
    """Let the reader choose what is shown, and which attacks count."""
    tracks = list(map(str, offers))
    track = Track(segments("Track", "track", tracks, default=first(offers).track))
    datasets = offers[track]
    dataset = segments(
        "Dataset", "dataset", list(datasets), default=first({track: datasets}).dataset
    )
    offered = datasets[dataset]
    shown = first({track: {dataset: offered}})
    split = segments("Split", "split", offered.splits, default=shown.split)
    layer = select_any("Split layer", "layer", offered.split_layers)
    images = select_any("Images", "images", offered.images)
    points = [f"{100 * loss:g}" for loss in LOSSES]
    allowed = segments("Utility loss of at most … points", "loss", points, default=points[-1])
    st.markdown("**Which attacks count**")
    setting = select_any("The attacker knows", "knows", offered.settings)
    checked = select_any("Checked by the organiser", "checked", get_args(Checked))
    budget = select_any("Auxiliary records of at most", "budget", map(str, offered.budgets))
    return Choice(
        track=track,
        dataset=dataset,
        split=split,
        allowed_loss=float(allowed) / 100,
        split_layer=layer,
        setting=None if setting is None else Setting(setting),
        checked=next((one for one in get_args(Checked) if one == checked), None),
        budget=None if budget is None else int(budget),
        images=next((one for one in get_args(Images) if one == images), None),
    )


def segments(label: str, key: str, options: Sequence[str], default: str) -> str:
    """Offer a few options side by side; one is always chosen, and the URL keeps which."""
    return st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params"
    )


def select(label: str, key: str, options: Sequence[str]) -> str:
    """Offer many options in a list, the first by default; the URL keeps the choice."""
    return st.selectbox(label, options, key=key, bind="query-params")


def select_any(label: str, key: str, options: Iterable[str]) -> str | None:
    """Offer to choose one of the options, or any; None is any."""
    chosen = select(label, key, [ANY, *map(str, options)])
    return None if chosen == ANY else chosen
