"""What every page draws in the same way: tables that explain themselves, figures, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import altair as alt
import pyarrow as pa
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


def draw_group_heading(group: Group) -> None:
    """Draw what the entries of a group have in common."""
    st.header(plain(f"Task {group.task}, sensitive {group.sensitive}"), anchor=False)
    st.caption(plain(facts(group)))


def draw_table(columns: Sequence[Column[Row]], rows: Sequence[Row], alt: str) -> None:
    """Draw a table whose columns explain themselves, and whose cells lead to other pages."""
    shown = table(columns, rows)
    for place, column in enumerate(columns):
        if column.key is not None:
            links = pa.array(_links(column, rows), pa.string())
            shown = shown.set_column(place, column.label, links)
    config = {column.label: _config(column) for column in columns}
    st.dataframe(shown, hide_index=True, column_config=config, placeholder="", alt=alt)


def _links(column: Column[Row], rows: Sequence[Row]) -> list[str | None]:
    """An address for each row that leads anywhere, with the text to be shown as its fragment."""
    assert column.page is not None
    assert column.key is not None
    chosen = st.query_params.to_dict()
    keys = [column.key(row) for row in rows]
    texts = [urlencode({"": column.cell(row)})[1:] for row in rows]
    return [
        None if key is None else f"{column.page}?{urlencode(chosen | {column.page: key})}#{text}"
        for key, text in zip(keys, texts, strict=True)
    ]


def _config(column: Column[Row]) -> Any:
    explained = plain(column.help)
    if column.key is not None:
        return st.column_config.LinkColumn(help=explained, display_text="#(.*)")
    return st.column_config.Column(help=explained, width="medium" if column.prose else None)


def draw_chart(chart: alt.LayerChart, alt: str) -> None:
    """Draw a figure as wide as the page."""
    st.altair_chart(chart, alt=alt)


def draw_pictures(pictures: Mapping[str, Path]) -> None:
    """Draw pictures side by side, each under its caption."""
    with st.container(horizontal=True):
        for caption, path in pictures.items():
            st.image(magnified(path), width=SIDE, caption=plain(caption), alt=caption)
