"""What a tenant API request has in hand once it was let in."""

from dataclasses import dataclass
from typing import Any

from calsync.sandbox.superoffice.asgi import Call, Refusal
from calsync.sandbox.superoffice.records import AppointmentRow, UpdateMode
from calsync.sandbox.superoffice.saving import Saving
from calsync.sandbox.superoffice.world import Actor, Tenant
from calsync.sandbox.superoffice.zones import TimeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """``base`` is the tenant's own root, without a slash at its end."""

    tenant: Tenant
    actor: Actor
    view: TimeView
    call: Call
    base: str

    @property
    def select(self) -> str | None:
        return self.call.query.get("$select")

    def body(self) -> dict[str, Any]:
        """The request's object.

        Raises:
            Refusal: there is none.
        """
        sent = self.call.json()
        if not isinstance(sent, dict):
            raise Refusal(400, "ArgumentException", "The body is missing or no object")
        return sent

    def options(self) -> dict[str, Any]:
        """The request's object, empty if there is no body."""
        sent = self.call.json()
        return sent if isinstance(sent, dict) else {}

    def saving(
        self,
        cause: str,
        *,
        mode: UpdateMode = UpdateMode.OnlyThis,
        send_mail: bool = False,
        plain: bool = False,
    ) -> Saving:
        return Saving(
            tenant=self.tenant,
            actor=self.actor,
            view=self.view,
            cause=cause,
            mode=mode,
            send_mail=send_mail,
            plain=plain,
        )

    def row(self, text: str) -> AppointmentRow:
        """The appointment of a REST path.

        Raises:
            Refusal: 404; REST says so, unlike the agents.
        """
        row = self.tenant.find(int(text)) if text.isdigit() else None
        if row is None:
            raise Refusal(404, "SoNotFoundException", f"Appointment id {text} not found")
        return row
