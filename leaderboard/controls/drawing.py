"""What every page draws in the same way: tables that explain themselves, figures, pictures."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import pyarrow as pa
import streamlit as st

from ..export import Files, figure_files, table_files
from ..figures.figure import Figure
from ..figures.pictures import SIDE, magnified
from ..ranking.standing import Group
from ..tables.table import Column, Row, table
from ..text import plain


def draw_group_heading(group: Group) -> None:
    """Draw what the entries of a group have in common."""
    st.header(plain(f"Task {group.task}, sensitive {group.sensitive}"), anchor=False)
    st.caption(plain(group.facts))


def draw_table(
    columns: Sequence[Column[Row]], rows: Sequence[Row], alt: str, cited: Collection[str] = ()
) -> None:
    """Draw a table whose columns explain themselves, whose cells lead on, with its files.

    `cited` are the defenses and attacks in it; `alt` is unique on a page and names the files.
    """
    shown = table(columns, rows)
    for place, column in enumerate(columns):
        if column.chosen is not None:
            links = pa.array(_links(column, rows), pa.string())
            shown = shown.set_column(place, column.label, links)
    config = {column.label: _config(column) for column in columns}
    st.dataframe(shown, hide_index=True, column_config=config, placeholder="", alt=alt)
    offer(alt, table_files(columns, rows, cited))


def _links(column: Column[Row], rows: Sequence[Row]) -> list[str | None]:
    """An address for each row that leads anywhere, with the text to be shown as its fragment."""
    assert column.page is not None
    assert column.chosen is not None
    chosen = [column.chosen(row) for row in rows]
    replaced = {name for there in chosen for name in there}
    kept = [(name, value) for name, value in st.query_params.items() if name not in replaced]
    page = f"{column.page}?{urlencode(kept)}{'&' if kept else ''}"
    texts = [quote_plus(str(column.cell(row))) for row in rows]
    return [
        f"{page}{urlencode(there)}#{text}" if there else None
        for there, text in zip(chosen, texts, strict=True)
    ]


def _config(column: Column[Row]) -> Any:
    explained = plain(column.help)
    if column.chosen is not None:
        return st.column_config.LinkColumn(help=explained, display_text="#(.*)")
    return st.column_config.Column(help=explained, width="large" if column.prose else None)


def draw_chart(figure: Figure, alt: str) -> None:
    """Draw a figure as wide as the page."""
    st.vega_lite_chart(figure, alt=alt)
    offer(alt, figure_files(figure))


@st.fragment
def offer(name: str, files: Files) -> None:
    """Offer the files of a table or a figure; each is made only when it is asked for.

    What is offered is drawn when it is looked at, and then alone.
    """
    stem = re.sub(r"\W+", "-", name.lower()).strip("-")
    offered = st.popover(
        "Export",
        type="tertiary",
        icon=":material/download:",
        key=f"export-{stem}",
        on_change="rerun",
    )
    if not offered.open:
        return
    with offered:
        for kind, content in files.items():
            file = f"{stem}.{kind.suffix}"
            st.download_button(
                file, content, file, kind.mime, key=file, on_click="ignore", width="stretch"
            )


@st.fragment
def folded(label: str, key: str, draw: Callable[[], None]) -> None:
    """Offer what is drawn only when it is unfolded, and then alone; the URL keeps whether it is."""
    container = st.expander(label, key=key, on_change="rerun", bind="query-params")
    if container.open:
        with container:
            draw()


def draw_pictures(pictures: Mapping[str, Path]) -> None:
    """Draw pictures side by side, each under its caption."""
    with st.container(horizontal=True):
        for caption, path in pictures.items():
            st.image(magnified(path), width=SIDE, caption=plain(caption), alt=caption)
