"""Usage: what every request used, kept in SQLite or PostgreSQL, and what clients may use.

Trio is imported by the recorder alone; stores block and are called in worker threads.
"""

from __future__ import annotations

from mux.usage.budgets import Budgets
from mux.usage.cost import cost_nano
from mux.usage.period import Period
from mux.usage.record import RequestRecord, Tokens, TryRecord
from mux.usage.store import Store, StoreError, open_store
from mux.usage.totals import Totals, summary

__all__ = [
    "Budgets",
    "Period",
    "RequestRecord",
    "Store",
    "StoreError",
    "Tokens",
    "Totals",
    "TryRecord",
    "cost_nano",
    "open_store",
    "summary",
]
