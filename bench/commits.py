"""The floor of any ledger on this machine: `python -m bench.commits URL CLIENTS SECONDS FILE` commits row after row.

Each commit is one small row in the ledger's own database, as durable as the ledger's rows (SQLite: WAL, synchronous
FULL; PostgreSQL: its setting). SQLite has one writer, called by its driver in this thread. PostgreSQL has one
connection per client, so it can write several commits at once. FILE gets the processor seconds that one commit took in
this process; the server's are not included.
"""

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

import asyncpg
import uvloop

_ROW = "x" * 300


def commit_to_sqlite(path: str, seconds: float) -> float:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bench_commits (id INTEGER PRIMARY KEY, row TEXT)")
    count, began, began_cpu_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bench_commits (row) VALUES (?)", (_ROW,))
        connection.execute("COMMIT")
        count += 1
    cpu_s = time.process_time() - began_cpu_s
    connection.close()
    return cpu_s / count


async def commit_to_postgresql(url: str, clients: int, seconds: float) -> float:
    async with asyncpg.create_pool(url, min_size=clients, max_size=clients) as pool:
        await pool.execute("CREATE TABLE IF NOT EXISTS bench_commits (id BIGSERIAL PRIMARY KEY, row TEXT)")
        began, began_cpu_s = time.perf_counter(), time.process_time()

        async def commit() -> int:
            count = 0
            async with pool.acquire() as connection:
                while time.perf_counter() - began < seconds:
                    await connection.execute("INSERT INTO bench_commits (row) VALUES ($1)", _ROW)
                    count += 1
            return count

        counts = await asyncio.gather(*(commit() for _ in range(clients)))
        return (time.process_time() - began_cpu_s) / sum(counts)


def main() -> None:
    url, clients, seconds, file = sys.argv[1:]
    if url.startswith("sqlite:///"):
        cpu_s = commit_to_sqlite(url.removeprefix("sqlite:///"), float(seconds))
    else:
        cpu_s = uvloop.run(commit_to_postgresql(url, int(clients), float(seconds)))
    Path(file).write_text(str(cpu_s), encoding="utf-8")


if __name__ == "__main__":
    main()
