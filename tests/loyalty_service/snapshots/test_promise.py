"""The promise about snapshots, in one process."""

from hypothesis import settings

from tests.loyalty_service.snapshots.promise import Promise

TestPromise = Promise.TestCase
TestPromise.settings = settings(max_examples=50, stateful_step_count=40)
