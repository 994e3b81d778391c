"""A server written by hand: answers by method and URL, and a log of what was asked under which account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import ElsewhereError
from calsync.adapters.http.target import origin_of

Reply = Answer | Callable[[Request], Answer]


def answer(status: int, body: str | bytes = b"", /, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=body.encode() if isinstance(body, str) else body, url="")


def multistatus(*responses: str, token: str = "") -> Answer:
    end = f"<D:sync-token>{token}</D:sync-token>" if token else ""
    names = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'
    body = f"<D:multistatus {names}>{''.join(responses)}{end}</D:multistatus>"
    return answer(207, body, content_type="application/xml")


def response(href: str, properties: str = "", *, status: int = 200) -> str:
    return (
        f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{properties}</D:prop>"
        f"<D:status>HTTP/1.1 {status} X</D:status></D:propstat></D:response>"
    )


def bare(href: str, status: int) -> str:
    return f"<D:response><D:href>{href}</D:href><D:status>HTTP/1.1 {status} X</D:status></D:response>"


@dataclass(slots=True)
class ScriptedHttp:
    """Answers 404 to what it was not told about, and refuses credentials to foreign origins as the client does."""

    replies: Mapping[tuple[str, str], Reply] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    redirects: Mapping[str, str] = field(default_factory=dict)

    async def send(self, request: Request, account: Account) -> Answer:
        url = self.redirects.get(request.url, request.url)
        if origin_of(url) not in account.origins:
            raise ElsewhereError("not a server that may see the credentials", url)
        self.asked.append(request)
        reply = self.replies.get((request.method, url), answer(404))
        given = reply(request) if callable(reply) else reply
        return Answer(status=given.status, headers=given.headers, body=given.body, url=url)
