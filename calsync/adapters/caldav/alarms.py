"""The reminder among the alarms of a VEVENT.

The reminder is the first DISPLAY alarm a whole or part number of minutes before (or at) the start. Every other alarm
is foreign: by sound or mail, at a fixed time, after the start or counted from the end, a default of the
server, a snoozed one. Foreign alarms are neither read nor touched, and an alarm is changed in place, so none multiply.
A text of an alarm that repeats the title follows it: what is stripped from an event must not stay in its alarm.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from calsync.adapters.caldav.lines import Component, Line, escape, make_line, new_component, unescape
from calsync.adapters.caldav.times import read_duration

REMINDER_MAX: Final = 366 * 24 * 60
"""Minutes: a reminder further away is no reminder."""
_TEXTS: Final = frozenset({"DESCRIPTION", "SUMMARY"})


def read_reminder(event: Component) -> int | None:
    return next((minutes for alarm in event.named("VALARM") if (minutes := _minutes(alarm)) is not None), None)


def set_reminder(event: Component, minutes: int | None) -> Component:
    """The event with that reminder; without one no alarm is left that would be read as one."""
    if minutes is None:
        return event.keeping(lambda item: not (isinstance(item, Component) and _is_reminder(item)))
    trigger = _trigger(minutes)
    for alarm in event.named("VALARM"):
        if _is_reminder(alarm):
            return event.swapping(alarm, alarm.with_line("TRIGGER", trigger, _kept_params(alarm)))
    return event._replace(items=(*event.items, _new_alarm(trigger, eol=event.eol)))


def retitle_alarms(event: Component, old: str, new: str) -> Component:
    """The event with each text of an alarm that repeats the ``old`` title naming the ``new`` one."""
    for alarm in event.named("VALARM") if old else ():
        repeats = [line for line in alarm.lines if line.name in _TEXTS and unescape(line.value) == old]
        told = alarm
        for line in repeats:
            told = told.with_line(line.name, escape(new), line.params)
        if repeats:
            event = event.swapping(alarm, told)
    return event


def _is_reminder(component: Component) -> bool:
    return component.name == "VALARM" and _minutes(component) is not None


def _minutes(alarm: Component) -> int | None:
    trigger = alarm.first("TRIGGER")
    if trigger is None or _text(alarm, "ACTION") != "DISPLAY":
        return None
    if alarm.first("RELATED-TO") or _text(alarm, "X-APPLE-DEFAULT-ALARM") == "TRUE":
        return None
    return _minutes_before(trigger)


def _minutes_before(trigger: Line) -> int | None:
    if trigger.param("RELATED").upper() == "END":
        return None
    duration = read_duration(trigger.value)
    if duration is None:
        return None
    minutes = -duration.total // timedelta(minutes=1)
    return minutes if 0 <= minutes <= REMINDER_MAX else None


def _text(component: Component, name: str) -> str:
    line = component.first(name)
    return line.value.strip().upper() if line is not None else ""


def _trigger(minutes: int) -> str:
    return f"-PT{min(max(minutes, 0), REMINDER_MAX)}M"


def _kept_params(alarm: Component) -> dict[str, tuple[str, ...]]:
    trigger = alarm.first("TRIGGER")
    return {} if trigger is None else {name: values for name, values in trigger.params.items() if name != "VALUE"}


def _new_alarm(trigger: str, *, eol: str) -> Component:
    # RFC 5545 3.6.6: a DISPLAY alarm has a description. The title is none of it: it may be stripped or changed later.
    lines = (("ACTION", "DISPLAY"), ("DESCRIPTION", "Reminder"), ("TRIGGER", trigger))
    return new_component("VALARM", (make_line(name, value, eol=eol) for name, value in lines), eol=eol)
