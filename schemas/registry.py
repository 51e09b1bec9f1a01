"""Plug-ins: a dataset, defense, attack or metric is one file, found by listing its folder."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from .errors import UnknownName, UnknownOption, nearest


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one kind: `names()` lists the folder, `create()` makes one.

    A file `gaussian_noise.py` in the folder defines the class `GaussianNoise`; files that begin
    with an underscore are not plug-ins. A plug-in from elsewhere is an object path,
    `my_package.my_module:MyClass`, of a class derived from the folder's `base`. Options are the
    constructor's keyword-only arguments.
    """

    kind: str
    package: str
    base: str

    def names(self) -> list[str]:
        """List the built-in plug-ins of this kind, sorted."""
        folder = importlib.import_module(self.package)
        found = (module.name for module in pkgutil.iter_modules(folder.__path__))
        return sorted(name for name in found if not name.startswith("_"))

    def find(self, name: str) -> type[Any]:
        """Return the class called `name`, or raise `UnknownName` with the nearest."""
        if ":" in name:
            return self._outside(name)
        if name not in self.names():
            raise UnknownName(f"there is no {self.kind} {name!r}: {nearest(name, self.names())}")
        module = importlib.import_module(f"{self.package}.{name}")
        found: type[Any] = getattr(module, class_name(name, self.kind))
        return found

    def create(self, name: str, options: Mapping[str, Any]) -> Any:
        """Make the plug-in `name`; `UnknownOption` for an option it cannot take."""
        plugin = self.find(name)
        return plugin(**checked_options(f"{self.kind} {name}", plugin, options))

    def resolved(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that the plug-in `name` is made with, defaults included."""
        accepted = options_of(self.find(name))
        defaults = {
            option: found.default
            for option, found in accepted.items()
            if found.default is not inspect.Parameter.empty
        }
        return {**defaults, **options}

    def _outside(self, path: str) -> type[Any]:
        try:
            found = pkgutil.resolve_name(path)
        except (ImportError, AttributeError, ValueError) as problem:
            raise UnknownName(f"{self.kind} {path!r} cannot be imported: {problem}") from problem
        base = getattr(importlib.import_module(self.package), self.base)
        if not (inspect.isclass(found) and issubclass(found, base)):
            raise UnknownName(
                f"{self.kind} {path!r} is not a class derived from {self.package}.{self.base}"
            )
        return found


def class_name(name: str, kind: str) -> str:
    """Name the class that a plug-in file holds.

    >>> class_name("gaussian_noise", "defense"), class_name("none", "defense")
    ('GaussianNoise', 'NoneDefense')
    """
    camel = "".join(part.capitalize() for part in name.split("_"))
    return f"{camel}{kind.capitalize()}" if iskeyword(camel) else camel


def options_of(plugin: type[Any]) -> dict[str, inspect.Parameter]:
    """List the options of a plug-in: its constructor's keyword-only arguments."""
    parameters = inspect.signature(plugin).parameters
    return {n: p for n, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


def checked_options(what: str, plugin: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Check names and types of `options` against the constructor of `plugin`."""
    known = options_of(plugin)
    for name in options:
        if name not in known:
            raise UnknownOption(f"{what} has no option {name!r}: {nearest(name, known)}")
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in options:
            raise UnknownOption(f"{what} needs the option {name!r}; set it in the configuration")
    hints = get_type_hints(plugin.__init__, include_extras=True)  # with their ranges
    return {name: _typed(what, name, hints[name], value) for name, value in options.items()}


def _typed(what: str, name: str, expected: Any, value: Any) -> Any:
    try:
        return TypeAdapter(expected).validate_python(value)
    except ValidationError as invalid:
        reason = invalid.errors()[0]["msg"]
        raise UnknownOption(f"{what}: option {name!r} cannot be {value!r}: {reason}") from None
