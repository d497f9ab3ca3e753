"""What was used, between two moments."""

from __future__ import annotations

from mux.errors import InvalidRequest
from mux.ir import Object
from mux.server.management.asked import Asked, Office
from mux.server.management.envelope import invalid
from mux.usage import Period, StoreError, Totals, summary


async def show(office: Office, asked: Asked) -> Object:
    """The figures of the last days, or of what from and to say."""
    query = asked.query
    try:
        period = Period.of(
            office.clock(),
            days=query.get("days", ""),
            start=query.get("from", ""),
            end=query.get("to", ""),
        )
    except InvalidRequest as error:
        raise invalid(error.message) from None
    nothing = summary(Totals(), period, office.settings.usage.retention_days)
    if office.usage is None:
        return nothing
    try:
        return await office.usage(period)
    except StoreError as error:  # serving goes on without its store, and says so here
        store: Object = {"enabled": True, "error": f"cannot be read: {error}"}
        return {**nothing, "store": store}
