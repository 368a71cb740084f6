"""Guards of HTTP and the page of jobs."""

from __future__ import annotations

from tests.chaos.mutation import Mutation

HTTP_GUARDS = (
    Mutation(
        "requests of pages of another origin are refused",
        "server/http/guard.py",
        'if site not in ("none", "same-origin") or (origin is not None and origin.partition("://")[2] != host):',
        "if False:",
        "tests/http/test_hostile.py::test_a_page_of_another_origin_can_do_nothing",
    ),
    Mutation(
        "without credentials, only names of this machine are answered",
        "server/http/guard.py",
        "if self._local and not is_loopback(_name(host)):",
        "if False:",
        "tests/http/test_hostile.py::test_a_page_of_another_origin_can_do_nothing",
    ),
    Mutation(
        "forms keep their origin in browsers",
        "server/http/guard.py",
        '"referrer-policy": "same-origin"',
        '"referrer-policy": "no-referrer"',
        "tests/http/test_hostile.py::test_every_answer_has_the_headers_that_bind_browsers",
    ),
    Mutation(
        "a form needs its token",
        "server/http/page/visitor.py",
        "not hmac.compare_digest(given.encode(), expected.encode())",
        "False",
        "tests/http/test_page.py::test_a_form_needs_its_cookie_its_token_and_its_origin",
    ),
    Mutation(
        "scripts cannot read the token's cookie",
        "server/http/page/visitor.py",
        'value, httponly=True, samesite="strict"',
        'value, samesite="strict"',
        "tests/http/test_page.py::test_signing_in_stores_the_token_out_of_reach_of_scripts",
    ),
    Mutation(
        "names are escaped on every page",
        "server/http/page/render.py",
        "autoescape=True",
        "autoescape=False",
        "tests/http/test_page.py::test_names_are_text_wherever_they_are_shown",
    ),
    Mutation(
        "a body is bounded as it comes",
        "server/http/body.py",
        "                self._check(read)\n",
        "",
        "tests/http/test_hostile.py::test_a_chunked_body_over_the_limit_is_refused",
    ),
    Mutation(
        "a declared body is refused unread",
        "server/http/body.py",
        "        self._check(self._declared())\n",
        "",
        "tests/http/test_hostile.py::test_a_body_over_the_limit_is_refused_unread",
    ),
    Mutation(
        "a body has a time",
        "server/http/body.py",
        "async with asyncio.timeout(self._seconds):",
        "async with asyncio.timeout(None):",
        "tests/http/test_hostile.py::test_a_body_that_drips_is_answered_and_gives_its_place_back",
    ),
    Mutation(
        "a head has a time",
        "server/http/connection.py",
        "if self.cycle is cycle and not self.transport.is_closing():",
        "if False:",
        "tests/http/test_hostile.py::test_a_head_that_never_ends_is_closed",
    ),
    Mutation(
        "a call ends with its connection",
        "server/http/api.py",
        'while (await request.receive())["type"] != "http.disconnect":',
        "while await request.receive():",
        "tests/http/test_hostile.py::test_a_caller_that_leaves_gives_its_place_back",
    ),
    Mutation(
        "a message is no larger than gRPC would take",
        "server/http/api.py",
        "if message.ByteSize() > self._limits.max_message_bytes:",
        "if False:",
        "tests/http/test_hostile.py::test_a_message_over_the_limit_of_grpc_is_refused",
    ),
    Mutation(
        "another machine is refused without TLS and authentication",
        "server/http/service.py",
        'check_address(address, guarded=config.endpoints.guarded, field="http")',
        'check_address(address, guarded=True, field="http")',
        "tests/http/test_access.py::test_an_address_that_cannot_be_is_refused",
    ),
    Mutation(
        "client certificates are asked for",
        "server/access/tls.py",
        "context.verify_mode = ssl.CERT_REQUIRED",
        "context.verify_mode = ssl.CERT_NONE",
        "tests/http/test_access.py::test_certificates_are_those_of_grpc",
    ),
    Mutation(
        "a compressed file of rows is not unpacked",
        "server/http/page/submission.py",
        " or raw.startswith(tuple(COMPRESSED))",
        "",
        "tests/http/test_page.py::test_a_file_that_has_no_rows_is_refused",
    ),
)
