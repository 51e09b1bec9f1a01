"""The controls in which a submitter declares what an attack is, as the TOML file would."""

from typing import Any

import streamlit as st

from ...schemas import Setting, Track


def declare() -> dict[str, Any]:
    """Let the submitter fill in the declaration; what is left empty is left out."""
    left, right = st.columns(2)
    with left:
        declared: dict[str, Any] = {
            "name": _line("Name", "What the entry is called; it belongs to whoever used it first."),
            "authors": _lines(st.text_area("Authors", help="One on each line.", height=96)),
            "licence": _line("Licence", "Of the submission, such as CC-BY-4.0."),
            "paper": _line("Paper (optional)", "An address that begins with https:// or http://."),
            "citation": st.text_area("Citation (optional)", height=96),
        }
    with right:
        declared |= {
            "track": st.selectbox("Track", [str(track) for track in Track], key="declared-track"),
            "setting": st.selectbox(
                "Setting", [str(setting) for setting in Setting], help="What the attacker knows."
            ),
            "auxiliary_records": st.number_input(
                "Auxiliary records",
                min_value=0,
                step=1,
                help="On how many pairs of activation and answer the attack was trained.",
            ),
            "compute": _line("Compute", "What the attack took, such as 2 h on one A100."),
            "seeds": _numbers(_line("Seeds", "Of the runs that made the predictions: 0, 1, 2.")),
        }
    return {key: value for key, value in declared.items() if value not in ("", [])}


def _line(label: str, explained: str) -> str:
    return st.text_input(label, help=explained).strip()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _numbers(text: str) -> list[int | str]:
    """The numbers of a line; what is none stays as it is, for the check to name."""
    parts = text.replace(",", " ").split()
    return [int(part) if part.isascii() and part.isdigit() else part for part in parts]
