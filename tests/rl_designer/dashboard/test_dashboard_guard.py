"""Who is let in to the dashboard: this machine alone, with the token, from no other site."""

import asyncio
import re
from typing import Any

import pytest

from rl_designer.dashboard.guard import Guard
from rl_designer.dashboard.server import listen

PORT = 8123
OWN = f"127.0.0.1:{PORT}"
SITE = "http://evil.example"


async def _page(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-page", b"1")]})
    await send({"type": "http.response.body", "body": b"a page"})


@pytest.fixture
def guard() -> Guard:
    return Guard(_page, PORT)


def ask(
    guard: Guard, query: str = "", *, path: str = "/", socket: bool = False, **headers: str | None
) -> dict[str, Any]:
    """What is answered: `status` (101 for a websocket), `body`, and the headers; None leaves one away."""
    sent: list[Any] = []
    named = {"host": OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "websocket" if socket else "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items() if value is not None],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if socket:
        return {"status": {"websocket.accept": 101, "websocket.close": 403}[sent[0]["type"]]}
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return {**found, "status": sent[0]["status"], "body": sent[1]["body"].decode()}


def cookie(guard: Guard) -> str:
    return f"other=1; rl-designer-{PORT}={guard.token}"


def test_without_the_token_nothing_is_shown(guard: Guard) -> None:
    assert ask(guard)["status"] == 401
    assert "open the address that `rl-designer dashboard` printed" in ask(guard)["body"]
    assert ask(guard, path="/_nicegui/x.js")["status"] == 401
    assert ask(guard, socket=True, origin=f"http://{OWN}")["status"] == 403
    assert ask(guard, cookie=f"rl-designer-{PORT}=wrong")["status"] == 401
    assert ask(guard, cookie=f"rl-designer-{PORT + 1}={guard.token}")["status"] == 401


@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test_a_wrong_token_opens_nothing(guard: Guard, token: str) -> None:
    assert ask(guard, f"token={token}")["status"] in (401, 403)


def test_the_token_is_asked_for_once_and_becomes_a_strict_cookie(guard: Guard) -> None:
    found = ask(guard, f"token={guard.token}&a=%22%3E", path="//evil.example", sec_fetch_site="cross-site")
    assert found["status"] == 200
    assert found["set-cookie"] == f"rl-designer-{PORT}={guard.token}; Path=/; HttpOnly; SameSite=Strict"
    assert 'content="0; url=/evil.example?a=%22%3E"' in found["body"] and guard.token not in found["body"]
    assert ask(guard, cookie=cookie(guard))["body"] == "a page"
    assert ask(guard, cookie=cookie(guard), socket=True, origin=f"http://{OWN}")["status"] == 101


def test_a_browser_is_started_with_a_token_that_opens_one_time(guard: Guard) -> None:
    query = guard.address_for_once().partition("?")[2]
    assert guard.token not in query
    assert ask(guard, query)["status"] == 200
    assert ask(guard, query)["status"] == 403
    assert ask(guard, guard.address.partition("?")[2])["status"] == 200


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", None])
def test_another_host_is_refused_whatever_it_knows(guard: Guard, host: str | None) -> None:
    assert ask(guard, host=host, cookie=cookie(guard))["status"] == 403
    assert ask(guard, f"token={guard.token}", host=host)["status"] == 403
    assert ask(guard, host=host, cookie=cookie(guard), socket=True, origin=f"http://{OWN}")["status"] == 403


def test_this_machine_has_two_names(guard: Guard) -> None:
    assert ask(guard, host=f"localhost:{PORT}", cookie=cookie(guard))["status"] == 200
    assert ask(Guard(_page, 80), host="localhost")["status"] == 401


@pytest.mark.parametrize("origin", [SITE, "null", "http://127.0.0.1:1", f"https://{OWN}"])
@pytest.mark.parametrize("socket", [False, True])
def test_what_another_site_sends_is_refused(guard: Guard, origin: str, socket: bool) -> None:
    assert ask(guard, origin=origin, cookie=cookie(guard), socket=socket)["status"] == 403


def test_a_websocket_has_to_say_where_it_comes_from(guard: Guard) -> None:
    assert ask(guard, cookie=cookie(guard), socket=True)["status"] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_are_not_fetched_from_other_sites_or_ports(guard: Guard, site: str) -> None:
    assert ask(guard, cookie=cookie(guard), sec_fetch_site=site)["status"] == 403
    assert ask(guard, cookie=cookie(guard), sec_fetch_site="same-origin")["status"] == 200


def test_every_answer_forbids_requests_to_elsewhere(guard: Guard) -> None:
    for answer in (ask(guard), ask(guard, cookie=cookie(guard)), ask(guard, f"token={guard.token}")):
        policy = answer["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert set(re.findall(r"\w+://[^ ;]+", policy)) == {f"ws://{OWN}", f"ws://localhost:{PORT}"}
        assert answer["x-content-type-options"] == "nosniff"


def test_other_messages_of_the_server_pass(guard: Guard) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    guard.app = app
    asyncio.run(guard({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_only_this_machine_is_listened_to_on_a_free_port_or_the_given_one() -> None:
    with listen(None) as free:
        host, port = free.getsockname()
        assert host == "127.0.0.1" and port > 1_023
        with pytest.raises(ValueError, match=rf"port {port} can't be had: .*; name another with --port"):
            listen(port)
