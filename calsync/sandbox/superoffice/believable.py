"""A small company and a working week of its people, always the same for the same seed."""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from calsync.sandbox.superoffice.acting import Acting
from calsync.sandbox.superoffice.records import UserType
from calsync.sandbox.superoffice.world import Tenant

_TITLES: Final = (
    "Statusmøte prosjekt Fjord",
    "Kundebesøk Ærlig Bakeri",
    "Budsjettgjennomgang",
    "Salgsmøte: ukeplan",
    "Lunsj med Åse",
    "Design review",
    "Call with Acme Ltd",
    "Contract negotiation: Blue Harbour",
    "Quarterly forecast",
    "Onboarding of new colleague",
    "Demo for Nordlys Energi ⚡",
    "Interview, backend developer",
)
_PLACES: Final = ("", "Room 4", "Møterom Havet", "Kundens kontor, Bergen", "Video")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Associate ids by role."""

    kari: int
    ola: int
    emma: int
    room: int

    @property
    def users(self) -> tuple[int, int, int]:
        return self.kari, self.ola, self.emma


def believable_company(tenant: Tenant) -> Company:
    """Two users in Oslo, one in New York, and a meeting room."""

    def user(name: str, first: str, last: str, zone: str) -> int:
        email = f"{first.lower()}.{last.lower()}@fjordtech.example"
        return tenant.add_associate(name=name, first=first, last=last, emails=[email], zone=zone).associate_id

    return Company(
        kari=user("KARI", "Kari", "Nordmann", "NO"),
        ola=user("OLA", "Ola", "Hansen", "NO"),
        emma=user("EMMA", "Emma", "Smith", "US-NY"),
        room=tenant.add_associate(
            name="ROOM4", first="Room 4", last="", emails=[], kind=UserType.ResourceAssociate
        ).associate_id,
    )


def believable_week(tenant: Tenant, *, monday: date, seed: int = 1, meetings_a_day: int = 3) -> Company:
    """Fill the week from ``monday``: meetings, private things, whole days, and all kinds of other rows."""
    company, chance = believable_company(tenant), random.Random(seed)
    acting = Acting(tenant)
    for user in company.users:
        for weekday in range(5):
            _fill_day(acting, user, monday + timedelta(days=weekday), chance, meetings_a_day)
    _special_rows(acting, company, monday)
    return company


def _fill_day(acting: Acting, user: int, day: date, chance: random.Random, count: int) -> None:
    for hour in sorted(chance.sample(range(8, 17), count)):
        start = datetime.combine(day, time(hour, chance.choice((0, 15, 30))))  # wall clock of the user
        acting.create(
            user,
            title=chance.choice(_TITLES),
            start=start,
            end=start + timedelta(minutes=chance.choice((25, 30, 45, 60))),
            place=chance.choice(_PLACES),
            notes=chance.choice(("", "<p>Agenda sendes på forhånd.</p>", "Bring the numbers")),
            internal_notes=chance.choice(("", "Do not mention the price")),
            private=chance.random() < 0.1,  # noqa: PLR2004  # one in ten
            busy=chance.random() > 0.1,  # noqa: PLR2004  # one in ten is free
            reminder_min=chance.choice((None, 15)),
        )


def _special_rows(acting: Acting, company: Company, monday: date) -> None:
    def at(day: int, hour: int) -> datetime:
        return datetime.combine(monday + timedelta(days=day), time(hour))  # wall clock of the user

    acting.create(company.kari, title="Tannlege", start=at(1, 17), end=at(1, 18), private=True)
    acting.create(
        company.ola, title="Messe i Göteborg", start=monday + timedelta(days=2), end=monday + timedelta(days=3)
    )
    acting.create(company.emma, title="Day off", start=monday + timedelta(days=4), end=monday + timedelta(days=4))
    acting.book(
        company.kari,
        title="Allmøte",
        start=at(3, 15),
        end=at(3, 16),
        participants=[company.ola, company.emma, company.room, "guest@acme.example"],
        notes="<p>Welcome, everybody</p>",
    )
    acting.create_task(company.ola, title="Ring regnskapsføreren", start=at(0, 9), end=at(0, 9))
    acting.create_document(company.kari, title="Tilbud 2024-17", start=at(0, 10))
    acting.create_series(
        company.ola,
        title="Morgenmøte",
        start=at(0, 8),
        end=at(0, 8) + timedelta(minutes=15),
        days=[monday + timedelta(days=offset) for offset in (0, 1, 2, 3, 4)],
    )
