"""What the pages share: the controls of a reader, and how everything is drawn."""
