from __future__ import annotations

import json

from azuraforge.cli.main import main
from azuraforge.store.blobs import Blobs


def test_a_sound_home_is_said_to_be_with_what_it_holds(tmp_path, capsys):
    Blobs(tmp_path).put(bytes(1_500_000))
    assert main(["runs", "--home", str(tmp_path)]) == 0  # makes the database
    capsys.readouterr()

    status = main(["fsck", "--home", str(tmp_path)])

    told = capsys.readouterr().out
    assert status == 0
    assert "nothing refers to them (1.5 MB)" in told
    assert "nothing is damaged: 0 runs, 0 events, 1 blobs, 1.5 MB" in told


def test_damage_is_told_with_its_remedy_and_by_the_exit_status(tmp_path, capsys):
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    (blobs.folder / name[:2] / name[2:]).write_bytes(b"abd")
    assert main(["runs", "--home", str(tmp_path)]) == 0
    capsys.readouterr()

    assert main(["fsck", "--home", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert main(["fsck", "--json", "--home", str(tmp_path)]) == 1
    (damage,) = json.loads(capsys.readouterr().out)["damage"]

    assert f"damage  blob {name}: " in told
    assert "1 things are damaged" in told
    assert damage["place"] == f"blob {name}"
    assert damage["remedy"] == "delete it: nothing refers to it"
