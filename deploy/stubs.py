"""Makes the Python stubs of the proto, or checks the committed ones against the proto."""

import sys
import tempfile
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = Path("protos/loyalty/v1/loyalty.proto")
STUBS = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def make_stubs(out: Path) -> None:
    """Write the four stubs below `out`, under the proto's own folder."""
    well_known = files(grpc_tools) / "_proto"
    googleapis = Path(str(distribution("googleapis-common-protos").locate_file(".")))
    arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}", f"-I{googleapis}"]
    beside = Path(sys.executable).parent
    arguments += [f"--plugin=protoc-gen-{plugin}={beside / f'protoc-gen-{plugin}'}" for plugin in ("mypy", "mypy_grpc")]
    arguments += [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    if protoc.main([*arguments, str(PROTO)]) != 0:
        sys.exit("protoc refused the proto: see its lines above")


def check_stubs() -> None:
    """Exit with a sentence when a committed stub differs from a fresh one."""
    with tempfile.TemporaryDirectory() as scratch:
        make_stubs(Path(scratch))
        for suffix in STUBS:
            stub = PROTO.with_name(PROTO.stem + suffix)
            if (Path(scratch) / stub).read_bytes() != (ROOT / stub).read_bytes():
                sys.exit(f"{stub} does not match {PROTO.name}: run make protos and commit the result")


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        check_stubs()
    else:
        make_stubs(ROOT)
