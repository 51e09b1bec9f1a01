"""A double of the Hub: the part of its HTTP interface that its own clients use, over real HTTP.

Tests run unmodified `huggingface_hub`, `datasets`, pandas and DuckDB against it. It keeps
everything in memory, knows dataset repositories only, and fails where a test asks it to (`Faults`).
"""

from .server import Hub, serving
from .store import Faults, Hold

__all__ = ["Faults", "Hold", "Hub", "serving"]
