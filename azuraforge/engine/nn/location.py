"""Where in a model an error came from: the path of the module, told before the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azuraforge.errors import AzuraForgeError, ConfigError

if TYPE_CHECKING:
    from azuraforge.engine.nn.module import Module

__all__: list[str] = []


def locate(error: AzuraForgeError, module: Module) -> None:
    """Note that an error passes through the call of a module, on its way up.

    Of a module called by itself the class is told; from there on the path, one name more with each
    module that it passes.
    """
    inner, path, said = getattr(error, "way", (None, "", str(error)))
    name = type(module).__name__
    if inner is not None:
        within = next((at for at, below in module.named_modules() if below is inner), "")
        path = f"{within}.{path}" if within and path else within or path
    error.way = (module, path, said)  # type: ignore[attr-defined]
    place = path or ("" if said.startswith(f"{name}: ") else name)
    _say(error, f"{place}: {said}" if place else said)


def _say(error: AzuraForgeError, text: str) -> None:
    error.args = (text, *error.args[1:])
    if isinstance(error, ConfigError):
        error.message = text
