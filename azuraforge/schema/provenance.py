"""What a run's bits depend on besides its spec: code, data and machine."""

from __future__ import annotations

from msgspec import Struct


class Environment(Struct, frozen=True, kw_only=True):
    """The part of a machine and its libraries that decides how numbers are rounded."""

    python: str
    cpu: str  # its model and vector extensions, as kernels are compiled for them
    libraries: dict[str, str]  # name -> version, of those that calculate


class Provenance(Struct, frozen=True, kw_only=True):
    """Where a run's numbers come from; a run goes on exactly only where all of it is equal."""

    azuraforge: str  # version
    plugin: str  # version
    code: str  # SHA-256 of the plugin's and the engine's source files
    data: dict[str, str]  # split -> SHA-256 of its arrays
    environment: Environment
    threads: int = 0  # that kernels used; 0: written by a version that did not tell


def differences(then: Provenance, now: Provenance) -> list[str]:
    """What differs, one sentence each; empty where nothing does."""
    pairs: list[tuple[str, str, str]] = [
        ("azuraforge", then.azuraforge, now.azuraforge),
        ("the plugin's version", then.plugin, now.plugin),
        ("the code", then.code[:12], now.code[:12]),
        ("Python", then.environment.python, now.environment.python),
        ("the CPU", then.environment.cpu, now.environment.cpu),
    ]
    if then.threads and now.threads:
        pairs.append(("the number of threads", str(then.threads), str(now.threads)))
    for title, one, other in (
        ("the data of {}", then.data, now.data),
        ("{}", then.environment.libraries, now.environment.libraries),
    ):
        names = sorted(one.keys() | other.keys())
        pairs += [
            (title.format(name), _short(one.get(name)), _short(other.get(name))) for name in names
        ]
    return [f"{what} was {one}, and is {other}" for what, one, other in pairs if one != other]


def _short(value: str | None) -> str:
    return "none" if value is None else value[:12]
