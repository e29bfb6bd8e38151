from __future__ import annotations

from azuraforge.actors.repeating.verifying import Verification
from azuraforge.cli.main import main
from azuraforge.cli.verify import told
from azuraforge.schema.comparison import Difference, EntryDifference, ReplayReport


def test_what_differs_is_told_field_by_field_with_what_is_not_as_there():
    differs = EntryDifference(
        seq=7,
        step=5,
        event="step",
        differences=[Difference(path="loss", one=0.5, other=0.25)],
    )
    report = ReplayReport(
        run="01k3",
        first_seq=1,
        last_seq=7,
        from_step=0,
        to_step=5,
        steps_done=5,
        checkpoint=None,
        difference=differs,
        provenance=["the CPU was one, and is another"],
    )
    found = Verification(
        run="01k3", events=9, chain="a" * 64, files=4, size_bytes=1_500_000, replays=[report]
    )

    lines = told(found)

    assert "sound: run 01k3, 9 events, 4 files, 1.5 MB, chain aaaaaaaaaaaa" in lines
    assert "differs at event 7 (step), step 5:" in lines
    assert "loss" in lines
    assert "0.25" in lines
    assert "the CPU was one, and is another" in lines


def test_a_file_that_is_not_there_is_not_found(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "none.azf")]) == 4

    assert "no file" in capsys.readouterr().err
