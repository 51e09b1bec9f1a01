"""The organiser's secret: ids, order, split membership and release noise are HMACs of it.

Code, configuration, seed and the public images do not reproduce any of them without the secret.
"""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CorruptData, MissingData

KEY_BYTES = 32


@dataclass(frozen=True)
class Secret:
    """A 32-byte key; every use names its purpose, so that no two uses share an output."""

    key: bytes = field(repr=False)

    def digest(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA256 over the purpose and the parts, each length-prefixed: no two inputs collide.

        >>> Secret(b"k" * 32).digest("id", "ab", "c") == Secret(b"k" * 32).digest("id", "a", "bc")
        False
        """
        message = b"".join(
            len(part.encode()).to_bytes(4, "big") + part.encode() for part in (purpose, *parts)
        )
        return hmac.digest(self.key, message, "sha256")

    def identifier(self, purpose: str, *parts: str) -> str:
        """An opaque 128-bit identifier as 32 hexadecimal digits."""
        return self.digest(purpose, *parts)[:16].hex()

    def seed(self, purpose: str, *parts: str) -> int:
        """A 63-bit seed for a random generator."""
        return int.from_bytes(self.digest(purpose, *parts)[:8], "big") >> 1

    def derived(self, purpose: str, *parts: str) -> "Secret":
        """A key of its own for one purpose: who is told it knows nothing of the other uses."""
        return Secret(self.digest(purpose, *parts))

    def commitment(self) -> str:
        """What the manifest publishes: it binds the organiser to the key and reveals nothing."""
        return hashlib.sha256(b"leakboard secret commitment\0" + self.key).hexdigest()

    @classmethod
    def read(cls, path: Path) -> "Secret":
        """Read a key file of 64 hexadecimal digits."""
        try:
            key = bytes.fromhex(path.read_text("ascii").strip())
        except OSError as problem:
            raise MissingData(f"{path}: the secret cannot be read ({problem.strerror})") from None
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise CorruptData(
                f"{path}: expected a secret of 64 hexadecimal digits; "
                "give the file that `leakboard generate` made"
            )
        return cls(key)

    @classmethod
    def read_or_make(cls, path: Path) -> "Secret":
        """Read the key file, or make it on first use, readable by its owner only.

        Of several processes that make it at once the first wins, and all read the same key.
        """
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            with open(draft, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as made:
                made.write(f"{secrets.token_hex(KEY_BYTES)}\n")
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        return cls.read(path)
