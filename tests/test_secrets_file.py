import stat
import subprocess
import sys

from sessions_project import secrets_file


def test_missing_secrets_are_created_once(tmp_path):
    path = tmp_path / "new" / "secrets.env"

    first = secrets_file.ensure(path, ["SECRET_KEY", "OTHER_KEY"])

    assert len(set(first.values())) == 2
    assert all(len(value) >= 32 for value in first.values())
    assert secrets_file.ensure(path, ["SECRET_KEY"]) == {"SECRET_KEY": first["SECRET_KEY"]}


def test_nothing_is_written_when_nothing_is_missing(tmp_path):
    assert secrets_file.ensure(tmp_path / "new" / "secrets.env", []) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_later_name_joins_the_earlier_ones(tmp_path):
    path = tmp_path / "secrets.env"
    earlier = secrets_file.ensure(path, ["SECRET_KEY"])

    later = secrets_file.ensure(path, ["OTHER_KEY"])

    assert secrets_file.read(path) == earlier | later


def test_only_the_owner_can_read_the_file(tmp_path):
    path = tmp_path / "secrets.env"
    secrets_file.update(path, GATEPASS_SANDBOX_API_KEY="one")
    secrets_file.update(path, GATEPASS_SANDBOX_API_KEY="two")

    assert secrets_file.read(path) == {"GATEPASS_SANDBOX_API_KEY": "two"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_written_by_hand_is_read(tmp_path):
    path = tmp_path / "secrets.env"
    path.write_text("# mine\n\nSECRET_KEY = a=b \nnonsense\n")

    assert secrets_file.read(path) == {"SECRET_KEY": "a=b"}


def test_concurrent_first_runs_share_one_file(tmp_path):
    ask = "import sys, pathlib; from sessions_project import secrets_file; "
    ask += "print(sorted(secrets_file.ensure(pathlib.Path(sys.argv[1]), ['A', 'B', 'C']).items()))"
    command = [sys.executable, "-c", ask, str(tmp_path / "secrets.env")]

    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]

    assert len({run.communicate()[0] for run in runs}) == 1
