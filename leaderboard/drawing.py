"""What every page draws in the same way: tables that explain themselves, figures, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from .pictures import SIDE, magnified
from .ranking import Group
from .table import Column, Row, table
from .text import plain


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


def draw_pictures(pictures: Mapping[str, Path]) -> None:
    """Draw pictures side by side, each under its caption."""
    with st.container(horizontal=True):
        for caption, path in pictures.items():
            st.image(magnified(path), width=SIDE, caption=plain(caption), alt=caption)
