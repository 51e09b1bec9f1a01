"""How the numbers come about, and what they do not mean."""

import streamlit as st

from ..shown import Shown

METHOD = """
- **Worst case.** Per release the strongest attack counts, chosen on validation where it was
  scored there too; a guess that never looks at the activation, or a ceiling that reads the input
  itself, is an anchor and not an attack.
- **Utility.** Noise without end protects perfectly, so a rank is given only among defenses that
  lose at most the chosen points of accuracy against the undefended network.
- **Certainty.** Square brackets hold 95 % intervals, n counts images. Defenses that a paired test
  on the same images does not separate share places; without values per image, those whose
  intervals overlap. A rank needs 3 training seeds; with fewer it is provisional.
- **Floors.** Bounds say, without an attack, how small the error of an attacker without prior
  knowledge can be. The strongest attack's error stands beside them. Who learned what images look
  like may go below; an attack that did not, and does, raises an alarm.
- **Missing is missing.** Nobody attacked it: no leakage and no rank, never zero.
- **Arrows** say which way is better for the people in the images: ↑ more, ↓ less.
"""


def draw(shown: Shown) -> None:
    """Draw the rules of the board."""
    st.title("Method", anchor=False)
    st.markdown(METHOD)
