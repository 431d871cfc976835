"""The operator's command prints its release wherever the code runs, also in the image, which has no metadata."""

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

from runtime.version import VERSION
from tests.deploy.launcher import ROOT

# As in the Dockerfile: a path file beside the libraries leads to the code.
COMMAND = "import sys; from gateway.cli import main; sys.exit(main(['--version']))"


def test_version_is_printed_where_the_code_has_no_metadata(tmp_path: Path) -> None:
    for library in Path(sysconfig.get_path("purelib")).iterdir():
        if "trifft_gorgias" not in library.name:
            (tmp_path / library.name).symlink_to(library)
    (tmp_path / "app.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    start = f"import site; site.addsitedir({str(tmp_path)!r}); {COMMAND}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{VERSION}\n", "")


def test_package_takes_its_version_from_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "runtime.version.VERSION"}}
