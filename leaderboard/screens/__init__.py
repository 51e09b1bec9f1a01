"""The pages of the board, one file each: `draw(shown)` draws what a reader chose to see.

A page's file name is its title and its address, and its docstring what the menu says of it.
`app.py` lists them in the order of the menu. Streamlit would run the files of a folder that is
called `pages` by itself.
"""

NO_ENTRIES = "Nothing of this kind was scored: try other choices in the sidebar."
