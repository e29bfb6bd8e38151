"""`connect`: the runtime that is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from azuraforge.actors.handles import Handles
from azuraforge.actors.runtimes.runtime import RuntimeName
from azuraforge.errors import ConfigError
from azuraforge.store.home import home as home_folder


def connect(
    runtime: RuntimeName | None = None,
    *,
    home: Path | None = None,
    database: str | None = None,
    adopts: bool = False,
) -> Handles:
    """Handles of the runtime asked for; of Ray where it is installed, else of this process.

        async def main():
            async with azuraforge.connect() as handles:
                run = await handles.start_run(azuraforge.RunSpec(plugin="images"))
                print((await handles.join(run.id)).test)

        asyncio.run(main())

    In a notebook, without the `with`: `handles = azuraforge.connect()`, then `await` its methods;
    what is not closed is closed at exit, after the present step. Starting Ray takes some seconds.
    `home` is where runs and models are kept: $AZURAFORGE_HOME, else ~/.azuraforge. `database` is
    the URL of a PostgreSQL that keeps all but the blobs: $AZURAFORGE_DATABASE, else SQLite there.
    Whoever `adopts` takes up every run of the home whose Trainer or whose runtime has died.

    Raises: ConfigError for Ray where it is not installed; HomeError; ServiceError if Ray does not
            start.
    """
    has_ray = find_spec("ray") is not None
    if runtime == "ray" and not has_ray:
        raise ConfigError("runtime 'ray' was asked for, but Ray is not installed; install "
                          "azuraforge[ray], or use --runtime local")  # fmt: skip
    folder = home_folder(home)
    if runtime == "local" or not has_ray:
        from azuraforge.actors.runtimes.local import (
            Local,  # here: a runtime loads only what it needs
        )

        return Local(folder, database=database, adopts=adopts)
    from azuraforge.actors.runtimes.on_ray import OnRay  # here: importing Ray takes half a second

    return OnRay(folder, database=database, adopts=adopts)
