"""Controls and reads what is around a fleet: TRIFFT's moods and tally, and the services' metrics."""

from collections import Counter
from collections.abc import Iterable

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from bench.fleet import Part
from bench.limited_trifft import MOOD_PATH, TALLY_PATH, Mood, Tally
from bench.process import HOST
from bench.stack import fetch

ANSWER_KINDS = ("fetched", "held", "stale", "none")
_ANSWERS = "loyalty_snapshot_answers_total"


async def turn_trifft(port: int, mood: Mood) -> None:
    """Raises aiohttp.ClientError."""
    url = f"http://{HOST}:{port}{MOOD_PATH}/{mood}"
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.post(url):
        pass


async def fetch_tally(port: int) -> Tally:
    """Raises aiohttp.ClientError."""
    return msgspec.json.decode(await fetch(f"http://{HOST}:{port}{TALLY_PATH}"), type=Tally)


async def fetch_counters(services: Iterable[Part]) -> Counter[str]:
    """Sum the counters of all services by name and label values: `loyalty_snapshot_answers_total held`."""
    counters: Counter[str] = Counter()
    for part in services:
        text = (await fetch(f"http://{part.settings['LOYALTY_METRICS_LISTEN']}/metrics")).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    counters[" ".join((sample.name, *sample.labels.values()))] += int(sample.value)
    return counters


def pick_answers(counters: Counter[str]) -> dict[str, int]:
    """Pick the counts of readers by kind of answer."""
    return {kind: counters[f"{_ANSWERS} {kind}"] for kind in ANSWER_KINDS}
