from __future__ import annotations

import stat
from pathlib import Path

import pytest

from azuraforge.errors import HomeError
from azuraforge.store.home import home


def test_the_environment_names_the_home_and_the_users_own_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    monkeypatch.setenv("AZURAFORGE_HOME", str(tmp_path / "elsewhere"))
    named = home()
    monkeypatch.setenv("AZURAFORGE_HOME", "~/shared")
    with_tilde = home()
    monkeypatch.setenv("AZURAFORGE_HOME", "")
    default = home()

    assert named == tmp_path / "elsewhere"
    assert with_tilde == tmp_path / "shared"
    assert default == tmp_path / ".azuraforge"


def test_a_new_home_is_for_its_owner_alone_and_an_old_one_is_left_as_it_is(tmp_path):
    (tmp_path / "old").mkdir(mode=0o755)

    new, old = home(tmp_path / "a" / "new"), home(tmp_path / "old")

    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    assert stat.S_IMODE(old.stat().st_mode) == 0o755


def test_a_relative_home_stays_the_same_folder_when_the_process_moves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    found = home(Path("here"))

    assert found == tmp_path / "here"


@pytest.mark.parametrize("below", ["", "further/down"])
def test_a_file_in_the_way_is_named_with_the_remedy(tmp_path, below):
    (tmp_path / "file").write_text("")

    with pytest.raises(HomeError) as refused:
        home(tmp_path / "file" / below)

    assert str(tmp_path / "file") in str(refused.value)
    assert "not a folder" in str(refused.value)
    assert "set AZURAFORGE_HOME" in str(refused.value)


def test_a_home_on_a_read_only_disk_is_refused():
    with pytest.raises(HomeError, match="set AZURAFORGE_HOME to another folder"):
        home(Path("/proc/azuraforge"))  # nobody, root included, can make a folder there


def test_a_user_without_a_home_is_told_to_name_one(monkeypatch):
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AZURAFORGE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)

    with pytest.raises(HomeError, match="Set AZURAFORGE_HOME"):
        home()
