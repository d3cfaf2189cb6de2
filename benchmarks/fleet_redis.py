"""What the ledgers of many accounts cost a real Redis."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.api.quota.ledger import Ticket
from tap_zohocampaigns.api.quota.redis import RedisStore

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.quota.limits import Quotas

ACCOUNTS = 50


class Redis(t.NamedTuple):
    """What a real server needs."""

    bytes_per_call: float
    bytes_per_account: float
    microseconds: float
    """Of its processor, for each call of the script."""


def measure_redis(quotas: Quotas, calls: int) -> Redis:
    """Enter calls of some accounts, and look at the server.

    Args:
        quotas: What endpoints allow.
        calls: How many each account makes.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        try:
            memory = [int(server.client.info("memory")["used_memory"])]
            for number in (1, calls):
                for account in range(ACCOUNTS):
                    name = f"{account}-{number}"
                    server.mark_complete(name)
                    store = RedisStore(server.url, name, quotas)
                    for _ in range(number):
                        ticket = store.enter("getcampaignrecipientsdata")
                        assert isinstance(ticket, Ticket)  # noqa: S101 (for mypy)
                        store.done(ticket)
                    store.close()
                memory.append(int(server.client.info("memory")["used_memory"]))
            used = server.client.info("cpu")
            cpu = used["used_cpu_user"] + used["used_cpu_sys"]
            stats = server.client.info("commandstats")
            commands = stats["cmdstat_evalsha"]["calls"]
        finally:
            server.kill()
    one = (memory[1] - memory[0]) / ACCOUNTS
    many = (memory[2] - memory[1]) / ACCOUNTS
    return Redis((many - one) / (calls - 1), one, cpu / commands * 1e6)
