"""The CalDAV side keeps the promises of `Side` on real servers."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.caldav_bench import CaldavBench, bench_on
from tests.contracts.side_contract import SideContract
from tests.servers.fixtures import CalDavServer, MakeCalendar


class TestRadicaleAndXandikos(SideContract):
    @pytest.fixture
    async def bench(self, caldav_server: CalDavServer, new_calendar: MakeCalendar) -> AsyncIterator[CaldavBench]:
        async with bench_on(caldav_server, new_calendar()) as bench:
            yield bench
