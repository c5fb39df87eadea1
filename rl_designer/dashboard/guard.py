"""`Guard`: who may see and do anything. It stands before all pages, files and websockets."""

import hmac
import html
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN = "token"
ADDRESS = "127.0.0.1"
_OTHER_SITES = ("cross-site", "same-site")  # as a browser says it; other ports of this machine are the latter


@dataclass(frozen=True)
class Answer:
    """What is said in place of a page."""

    status: HTTPStatus
    body: str
    kind: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()


class Guard:
    """Lets requests through to `app` that name this machine as their host, come from its own pages, and know
    the token: once in the address, from then on as a cookie.

    A website that a browser shows at the same time can send requests here, too. It can't read the token, has
    another `Origin`, and where its name was made to lead to 127.0.0.1 (DNS rebinding), another `Host`.

    Args:
        port: that the pages are served on.
    """

    def __init__(self, app: Application, port: int) -> None:
        self.app = app
        self.port = port
        self.token = secrets.token_urlsafe(32)
        self._once: set[str] = set()
        hosts = [ADDRESS, "localhost"]
        self._hosts = {f"{host}:{port}" for host in hosts} | (set(hosts) if port == 80 else set())
        self._cookie = f"rl-designer-{port}"  # cookies are of a host, whatever the port

    @property
    def address(self) -> str:
        """Of the first page, with the token."""
        return f"http://{ADDRESS}:{self.port}/?{urlencode({TOKEN: self.token})}"

    def address_for_once(self) -> str:
        """The same with a token that opens one time: others can read what a browser is started with."""
        token = secrets.token_urlsafe(32)
        self._once.add(token)
        return f"http://{ADDRESS}:{self.port}/?{urlencode({TOKEN: token})}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = self._judged(scope)
        if answer is None:
            await self.app(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": answer.body})
        else:
            await self._tell(answer, send)

    def _judged(self, scope: Scope) -> Answer | None:
        """None where the request may pass."""
        if _header(scope, "host") not in [[host] for host in self._hosts]:
            return _refused("this dashboard answers to 127.0.0.1 and localhost alone")
        origins = _header(scope, "origin")
        if (origins or scope["type"] == "websocket") and origins not in [
            [f"http://{h}"] for h in self._hosts
        ]:
            return _refused("only the dashboard's own pages may ask")
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(TOKEN)
        if given and scope["type"] == "http":
            return self._welcome(scope) if self._knows(given[0]) else _refused("this token is not valid")
        if not self._has_cookie(scope):
            text = "open the address that `rl-designer dashboard` printed: it has the token"
            return Answer(HTTPStatus.UNAUTHORIZED, text)
        site = _header(scope, "sec-fetch-site")
        if scope["type"] == "http" and site and site[0] in _OTHER_SITES:
            return _refused("only the dashboard's own pages may ask")
        return None

    def _knows(self, given: str) -> bool:
        if given in self._once:
            self._once.remove(given)
            return True
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _has_cookie(self, scope: Scope) -> bool:
        pairs = (pair.strip().partition("=") for line in _header(scope, "cookie") for pair in line.split(";"))
        given = (value for name, _, value in pairs if name == self._cookie)
        return any(hmac.compare_digest(value.encode(), self.token.encode()) for value in given)

    def _welcome(self, scope: Scope) -> Answer:
        """Sets the cookie, and leads on to the address without the token. A redirect would not do: it belongs
        to the page that led here, and a strict cookie is not sent with what another site begins.
        """
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        rest = urlencode({name: values for name, values in query.items() if name != TOKEN}, doseq=True)
        path = "/" + str(scope["path"]).lstrip("/")  # never `//host`
        url = html.escape(f"{path}?{rest}" if rest else path, quote=True)
        cookie = f"{self._cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        body = (
            f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">'
            f'<title>rl-designer</title><p><a href="{url}">To the dashboard</a>'
        )
        return Answer(HTTPStatus.OK, body, "text/html", (("set-cookie", cookie),))

    def _headers(self) -> list[tuple[bytes, bytes]]:
        sockets = " ".join(f"ws://{host}" for host in sorted(self._hosts))
        # The framework compiles templates in the browser, which is what `unsafe-eval` is for.
        policy = (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
            f"connect-src 'self' {sockets}; object-src 'none'; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"
        )
        headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers()]
            await send(message)

        return sent

    async def _tell(self, answer: Answer, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        headers += [
            (b"content-type", f"{answer.kind}; charset=utf-8".encode()),
            (b"cache-control", b"no-store"),
        ]
        headers += self._headers()
        await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
        await send({"type": "http.response.body", "body": answer.body.encode()})


def _refused(text: str) -> Answer:
    return Answer(HTTPStatus.FORBIDDEN, text)


def _header(scope: Scope, name: str) -> list[str]:
    """All values of a header; what is sent twice is no value to rely on."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name.encode()]
