"""From a stored connection to a side, and what was learned back into the connection."""

from calsync.adapters.caldav.auth import Password
from calsync.adapters.caldav.discovery import connect
from calsync.adapters.caldav.opening import open_side, with_found, with_learned
from calsync.ports import Connection
from calsync.sandbox.radicale import RadicaleProcess
from tests.adapters.caldav.test_discovery import Records
from tests.builders import event
from tests.contracts.caldav_bench import RealClock, http_for
from tests.contracts.side_contract import draft
from tests.servers.fixtures import MakeCalendar


async def test_a_connection_remembers_what_its_side_learned(
    radicale: RadicaleProcess, new_radicale_calendar: MakeCalendar
) -> None:
    url = new_radicale_calendar()
    login = Password(username=radicale.user, password=radicale.password)
    stored = Connection(
        id="c1", tenant="t", associate=7, kind="caldav", subject="", url=url, username=radicale.user, secret="x"
    )

    async with http_for(radicale.url) as http:
        found = await connect(http, address=url, login=login, resolver=Records())
        stored = with_found(stored, found)
        side = open_side(stored, url, http=http, login=login, person_zone="Europe/Oslo", clock=RealClock())
        assert not side.traits.enforces_keys

        await side.create(draft(event()))
        stored = with_learned(stored, side)

        again = open_side(stored, url, http=http, login=login, person_zone="Europe/Oslo", clock=RealClock())
    assert again.traits.enforces_keys
    assert again.identity == side.identity
    assert stored.subject == found.principal
    assert with_learned(stored, again) is stored
    assert with_found(stored, found) == stored
