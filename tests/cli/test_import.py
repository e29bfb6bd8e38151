from __future__ import annotations

import pytest

from azuraforge.cli.main import main


def test_what_is_larger_than_allowed_is_refused_before_it_is_read(tmp_path, capsys):
    path = tmp_path / "run.azf"
    path.write_bytes(bytes(2000))

    assert main(["import", str(path), "--max-size", "1K", "--home", str(tmp_path)]) == 5

    assert "has 2,000 bytes; allowed are 1,024; --max-size says more" in capsys.readouterr().err
    assert not (tmp_path / "registry.sqlite").exists()


@pytest.mark.parametrize("size", ["", "-1", "1.5G", "G", "1P", "1 G"])
def test_a_size_written_otherwise_is_refused(size, tmp_path, capsys):
    assert main(["import", "run.azf", f"--max-size={size}", "--home", str(tmp_path)]) == 2

    assert "500M or 20G" in capsys.readouterr().err
