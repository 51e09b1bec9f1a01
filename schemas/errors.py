"""What can go wrong, one class per kind of mistake; every message says what to do.

LeakboardError                 exit code 1: the thing that was checked is wrong
├── UsageError                 exit code 2: the request itself cannot be carried out
│   ├── UnknownName            no dataset, defense, attack, metric of that name
│   ├── UnknownOption          a plug-in has no such option, or the value has the wrong type
│   ├── BadConfig              a configuration file is not what its schema says
│   ├── MissingData            source images, a release or its truth are not where they should be
│   ├── NoBound                a bound says nothing about this kind of defense
│   ├── NoSandbox              this machine cannot confine what strangers submit
│   └── OutputExists           writing would replace something that is already there
├── CorruptData                bytes that cannot be read: an image, a shard, a weight file
├── SchemaMismatch             readable, but not the schema of this release or this version
├── ChecksumMismatch           bytes differ from what the manifest promises
├── ActivationOverflow         an activation does not fit the released number format
├── BadModel                   a submitted model that is not run, or whose run failed
├── BadPredictions             a prediction file that cannot be scored as it is
├── BadSubmission              a submission that is not accepted, with every reason
└── BrokenLedger               the ledger is not what was once written
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class LeakboardError(Exception):
    """Anything Leakboard refuses, with a sentence fit for a terminal."""

    exit_code = 1


class UsageError(LeakboardError):
    """The request cannot be carried out as asked."""

    exit_code = 2


class UnknownName(UsageError):
    """No plug-in of that name; the message suggests the nearest."""


class UnknownOption(UsageError):
    """A plug-in option that does not exist or has the wrong type."""


class BadConfig(UsageError):
    """A configuration that does not follow its schema."""


class MissingData(UsageError):
    """Input files that are not where they were said to be."""


class NoBound(UsageError):
    """A bound that says nothing about this client's defense."""


class NoSandbox(UsageError):
    """A machine that lacks a piece of the sandbox; nothing of a stranger is run on it."""


class OutputExists(UsageError):
    """Output that would replace something already there."""


class CorruptData(LeakboardError):
    """Bytes that cannot be decoded."""


class SchemaMismatch(LeakboardError):
    """Data that is readable but does not follow the schema."""


class ChecksumMismatch(LeakboardError):
    """Bytes that differ from the manifest's checksum."""


class ActivationOverflow(LeakboardError):
    """An activation beyond the range of float16, or not finite."""


class BadModel(LeakboardError):
    """A submitted model that is not run, or whose run failed."""


class BadPredictions(LeakboardError):
    """A prediction file that cannot be scored as it is."""


class BadSubmission(LeakboardError):
    """A submission that is not accepted; `problems` holds one sentence for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class BrokenLedger(LeakboardError):
    """A ledger of which an entry was changed or taken away."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is nearest, or list them all.

    >>> nearest("dsico", ["disco", "none"])
    "did you mean 'disco'?"
    >>> nearest("xyz", ["disco", "none"])
    'known: disco, none'
    """
    choices = sorted(known)
    close = get_close_matches(name, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(choices) or 'nothing'}"
