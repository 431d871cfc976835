"""The server: opens its resources in order, and closes them in reverse order."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from loyalty_service.api.access import Access
from loyalty_service.api.boundary import Boundary
from loyalty_service.api.caller_servicer import CallerServicer
from loyalty_service.api.loyalty_servicer import LoyaltyServicer
from loyalty_service.api.merchant_servicer import MerchantServicer
from loyalty_service.awards.ledger.erase import Erasures
from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.reconciliation.claim import Claims
from loyalty_service.awards.reconciliation.loop import ReconciliationLoop
from loyalty_service.awards.reconciliation.reconcile import Reconciler
from loyalty_service.awards.sender import Sender, make_lease_s
from loyalty_service.awards.service import AwardService
from loyalty_service.awards.verification import Verifier
from loyalty_service.callers.store import CallerStore
from loyalty_service.config import MEMORY_URL, Config
from loyalty_service.database import open_database
from loyalty_service.domain.ports import Clock, LoyaltyProvider, Snapshots
from loyalty_service.merchants.service import MerchantService
from loyalty_service.merchants.store import MerchantStore
from loyalty_service.metrics import Metrics
from loyalty_service.snapshots import SharedStore, open_snapshots
from loyalty_service.snapshots.secret import load_secret
from loyalty_service.trifft.fingerprint import make_fingerprint
from loyalty_service.trifft.profile import parse_profile
from loyalty_service.valkey import Valkey, open_valkey
from protos.loyalty.v1 import loyalty_pb2
from runtime.database import Database
from runtime.encryption import SecretKeyError, SecretKeys
from runtime.metrics import serve_metrics
from runtime.settings import ConfigError, Listen

# A process must end within 8 s; the rest of that time is for closing resources.
DRAIN_S = 7.0
OWN_SERVICES = tuple(service.full_name for service in loyalty_pb2.DESCRIPTOR.services_by_name.values())
OPTIONS = (
    ("grpc.so_reuseport", 0),  # otherwise a second server could start on the same port and take half of the calls
    ("grpc.max_receive_message_length", 256 * 1024),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)

logger = structlog.get_logger()


def create_server(
    access: Access, loyalty: LoyaltyServicer, merchants: MerchantServicer, callers: CallerServicer
) -> grpc.aio.Server:
    """A server with our services and reflection, neither bound nor started. Call it in the running loop."""
    server = grpc.aio.server(options=OPTIONS)
    boundary, services = Boundary(access), loyalty_pb2.DESCRIPTOR.services_by_name
    boundary.add(server, services["LoyaltyService"], loyalty)
    boundary.add(server, services["MerchantService"], merchants)
    boundary.add(server, services["CallerService"], callers)
    reflection.enable_server_reflection([*OWN_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    return server


@asynccontextmanager
async def open_shared_store(config: Config, clock: Clock, metrics: Metrics) -> AsyncIterator[Valkey | None]:
    """Open the store of a fleet; None if each process works alone."""
    if config.snapshots_url == MEMORY_URL:
        yield None
        return
    async with open_valkey(config.snapshots_url, clock, count_failure=metrics.snapshots.count_failure) as opened:
        yield opened


@asynccontextmanager
async def serve(
    config: Config,
    provider: LoyaltyProvider,
    clock: Clock,
    valkey: Valkey | None,
    metrics: Metrics | None = None,
) -> AsyncIterator[int]:
    """Run the server while the block runs. Yields its port. At the end it drains within 7 s.

    `valkey`: the store of `open_shared_store`. `metrics`: also used by the provider. Raises ConfigError and
    DatabaseError if a setting prevents the start.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(config.database_url))
        metrics = await stack.enter_async_context(_open_metrics(config, metrics or Metrics()))
        history = History(database, reversal_window_s=config.reversal_window_s)
        keys = SecretKeys(config.secret_keys)
        store = MerchantStore(database, keys, clock, make_fingerprint=make_fingerprint)
        async with _checking_keys():
            await store.list_after("", 1)
            shared = None if valkey is None else SharedStore(valkey=valkey, secret=await load_secret(database, keys))
        snapshots = await stack.enter_async_context(
            open_snapshots(
                provider,
                clock,
                shared=shared,
                hold_time_s=config.hold_time_s,
                stale_if_error_s=config.stale_if_error_s,
                capacity=config.snapshots_capacity,
                fetch_timeout_s=config.read_timeout_s,
                recent=history,
                metrics=metrics.snapshots,
            )
        )
        ledger = _make_ledger(config, database, metrics)
        awards = _make_awards(config, ledger, provider, snapshots, store)
        claims = Claims(database, reversal_window_s=config.reversal_window_s)
        reconciler = Reconciler(ledger=ledger, claims=claims, provider=provider, snapshots=snapshots, merchants=store)
        reconciliation = ReconciliationLoop(awards, claims, reconciler, metrics)
        merchants = MerchantService(store, provider, check_profile=parse_profile, probe_timeout_s=config.read_timeout_s)
        loyalty = LoyaltyServicer(
            store,
            snapshots,
            awards,
            history,
            Erasures(database, reversal_window_s=config.reversal_window_s),
            read_timeout_s=config.read_timeout_s,
            award_answer_s=config.award_answer_s,
        )
        verifier = Verifier(
            provider,
            awards,
            store,
            read_timeout_s=config.read_timeout_s,
            answer_s=make_lease_s(config.award_timeout_s),
        )
        callers = CallerStore(database, clock)
        access = Access(config.api_key, callers, count_refusal=metrics.count_refused_call)
        servicers = loyalty, MerchantServicer(store, merchants, verifier), CallerServicer(callers, store)
        server = create_server(access, *servicers)
        yield await stack.enter_async_context(_start(config, server, awards, reconciliation))


@asynccontextmanager
async def _checking_keys() -> AsyncIterator[None]:
    """With wrong keys every call would fail, so the service does not start."""
    try:
        yield
    except SecretKeyError as error:
        raise ConfigError(f"LOYALTY_SECRET_KEYS {error}") from error


def _make_ledger(config: Config, database: Database, metrics: Metrics) -> Ledger:
    return Ledger(
        database,
        lease_s=make_lease_s(config.award_timeout_s),
        repeat_window_s=config.award_repeat_window_s,
        reversal_window_s=config.reversal_window_s,
        metrics=metrics,
    )


def _make_awards(
    config: Config, ledger: Ledger, provider: LoyaltyProvider, snapshots: Snapshots, merchants: MerchantStore
) -> AwardService:
    sender = Sender(ledger, provider, snapshots, timeout_s=config.award_timeout_s)
    return AwardService(
        ledger,
        sender,
        snapshots,
        merchants,
        read_timeout_s=config.read_timeout_s,
        opening_timeout_s=make_lease_s(config.award_timeout_s),
        hold_time_s=config.hold_time_s,
    )


@asynccontextmanager
async def _open_metrics(config: Config, metrics: Metrics) -> AsyncIterator[Metrics]:
    async with AsyncExitStack() as stack:
        if config.metrics_listen is not None:
            host, port = config.metrics_listen.host, config.metrics_listen.port
            try:
                port = await stack.enter_async_context(serve_metrics(metrics.registry, host, port))
            except OSError as error:
                raise ConfigError(
                    f"LOYALTY_METRICS_LISTEN {config.metrics_listen} cannot be listened on: "
                    "it is in use, or no address of this machine"
                ) from error
            logger.info("metrics_listening", address=str(Listen(host, port)))
        yield metrics


@asynccontextmanager
async def _start(
    config: Config, server: grpc.aio.Server, awards: AwardService, reconciliation: ReconciliationLoop
) -> AsyncIterator[int]:
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    port = _bind(server, config.listen)
    for service in ("", *OWN_SERVICES):
        await states.set(service, health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    reconciliation.start()
    logger.info("listening", address=str(Listen(config.listen.host, port)))
    try:
        yield port
    finally:
        logger.info("draining")
        reconciliation.pause()
        await states.enter_graceful_shutdown()
        leave_time = asyncio.get_running_loop().time() + DRAIN_S
        await server.stop(DRAIN_S)  # first: a running call may still open an award
        await awards.drain(leave_time)
        await reconciliation.stop(leave_time)
        logger.info("stopped")


def _bind(server: grpc.aio.Server, listen: Listen) -> int:
    refusal = ConfigError(f"LOYALTY_LISTEN {listen} cannot be listened on: it is in use, or no address of this machine")
    try:
        # Try a plain socket first: gRPC would print its own lines about a port that is in use.
        family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
        return server.add_insecure_port(str(listen))
    except (OSError, RuntimeError) as error:
        raise refusal from error
