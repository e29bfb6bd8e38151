"""`python -m azuraforge`: the command line where the `azuraforge` script is not on the path."""

from __future__ import annotations

from azuraforge.cli.main import main

if __name__ == "__main__":  # a module that is only imported, as by a spawned process, runs nothing
    raise SystemExit(main())
