"""The page of jobs, as it is on the wire: without a browser, and against those who would misuse one."""

import re
import secrets
from urllib.parse import urlencode

import numpy as np
import pytest

from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.store.manifest import Manifest
from tests.http.web import job_request
from tests.service.running import arrays

NASTY = '<script>alert("x")</script>'


def finished(one, query=None, **fields):
    job = one.post("/v1/jobs", job_request(query, **fields)).json["job"]["id"]
    assert one.get(f"/v1/jobs/{job}/wait?timeout=120s").json["job"]["state"] != "JOB_STATE_RUNNING"
    return job


@pytest.fixture(scope="module")
def ranked(open_web):
    """Two finished jobs; candidates of the second have hostile names, and one of them fails."""
    values = np.random.default_rng(0).normal(size=(60, 5)).astype("f4")
    names = ("near", "far\u202e\x07", f"{NASTY}'\"&")
    weak = [ModelSpec(name, "array:", values=values[:, :3]) for name in names]
    hostile = RankingQuery(
        ModelSpec(NASTY, "array:", values=values),
        (*weak, ModelSpec("broken", "array:", values=np.full((60, 2), np.nan, "f4"))),
        Pool.numbered(60),
    )
    return finished(open_web, arrays(), labels={"name": "plain"}), finished(open_web, hostile)


def form_of(one, path, **headers):
    """Cookie and hidden fields of a form."""
    page = one.get(path, **headers)
    cookie = page.headers["set-cookie"].partition(";")[0]
    fields = dict(re.findall(r'name="(form|once)" value="([^"]+)"', page.body.decode()))
    return cookie, fields


def post(one, path, cookie, fields, **headers):
    headers = {"content_type": "application/x-www-form-urlencoded", "cookie": cookie, "origin": one.url, **headers}
    return one.ask("POST", path, urlencode(fields, doseq=True).encode(), **headers)


@pytest.mark.parametrize("path", ["/", "/jobs/{}", "/compare?job={}&job={}", "/compare", "/outcomes", "/submit"])
def test_pages_are_shown_under_a_strict_policy(open_web, ranked, path):
    reply = open_web.get(path.format(*ranked))
    assert reply.status == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = reply.body.decode()
    assert re.findall(r"<script(?! src=\"/static/page.js\")|<style|style=|\son\w+=|https?://", text) == []


def test_a_job_is_headed_by_the_name_that_somebody_gave_it(open_web, ranked):
    """Its label, else a request id that is chosen; of one that a client drew, the job's own id."""
    chosen = open_web.post("/v1/jobs", job_request() | {"requestId": "nightly-7"}).json["job"]["id"]
    for job, heading in ((ranked[0], "plain"), (ranked[1], ranked[1]), (chosen, "nightly-7")):
        assert f"<h1>{heading}</h1>" in open_web.get(f"/jobs/{job}").body.decode()


def test_names_are_text_wherever_they_are_shown(open_web, ranked):
    for path in ("/jobs/{1}", "/jobs/{1}/report", "/compare?job={0}&job={1}"):
        text = open_web.get(path.format(*ranked)).body.decode()
        assert NASTY not in text
        assert "&lt;script&gt;" in text
        assert "\u202e" not in text
        assert "\x07" not in text


def test_a_report_is_the_report_page_under_its_policy(open_web, ranked):
    reply = open_web.get(f"/jobs/{ranked[0]}/report")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert b"<script" not in reply.body
    assert b"Weak-to-strong ranking" in reply.body


def test_two_rankings_are_compared_and_what_differs_is_said(open_web, ranked):
    text = open_web.get("/compare?job={}&job={}".format(*ranked)).body.decode()
    assert "The students differ" in text
    assert "too few to compare the orders" in text
    assert open_web.get(f"/compare?job={ranked[0]}&job=none").status == 404


def test_a_filter_that_cannot_be_is_shown_with_the_reason(open_web):
    reply = open_web.get(f"/?filter={NASTY.replace('/', '%2F')}")
    assert reply.status == 400
    assert b'role="alert"' in reply.body
    assert NASTY.encode() not in reply.body


def test_what_is_missing_has_a_page_of_its_own(open_web):
    reply = open_web.get("/jobs/none")
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"there is no job" in reply.body


def test_changes_are_sent_as_events_until_all_are_finished(open_web, ranked):
    text = open_web.get("/jobs/events?job={}&job={}".format(*ranked)).body.decode()
    assert text.count('"finished": true') == 2
    assert text.endswith("event: end\ndata: {}\n\n")
    assert open_web.get("/jobs/events?job=none").status == 404


def test_a_form_needs_its_cookie_its_token_and_its_origin(open_web, ranked):
    path = f"/jobs/{ranked[0]}"
    cookie, fields = form_of(open_web, path)
    sent = {**fields, "action": "delete"}
    assert post(open_web, path, cookie, {**sent, "form": "guessed"}).status == 403
    assert post(open_web, path, "w2s-form=", {**sent, "form": ""}).status == 403
    assert post(open_web, path, "", sent).status == 403
    assert post(open_web, path, cookie, sent, origin="http://evil.example").status == 403
    assert post(open_web, path, cookie, sent, sec_fetch_site="cross-site").status == 403
    assert post(open_web, path, cookie, {**fields, "action": "burn"}).status == 400
    assert open_web.get(f"/v1/jobs/{ranked[0]}").status == 200
    header = open_web.get(path).headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=strict" in header


def submitted(one, **fields):
    cookie, hidden = form_of(one, "/submit")
    return post(one, "/submit", cookie, {**hidden, **fields})


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "choose a strong model"),
        ({"strong": "features:a"}, "give rows"),
        ({"strong": "features:a", "rows": "a\nb"}, "at least one"),
        ({"strong": "features:a", "more": "features:b", "rows": "a\nb", "rank_by": "luck"}, "must be one of"),
        ({"strong": "features:a", "more": "features:b", "rows": "a\nb", "name": NASTY}, "label"),
        ({"strong": "gopher:a", "more": "features:b", "rows": "a\nb"}, "gopher"),
    ],
)
def test_a_form_that_is_no_request_comes_back_with_the_reason(open_web, fields, text):
    reply = submitted(open_web, **fields)
    assert reply.status == 400
    shown = reply.body.decode()
    assert text in shown
    assert NASTY not in shown
    assert f'value="{fields.get("strong", "")}"' in shown


def test_a_form_makes_one_job_however_often_it_is_sent(open_web):
    """Feature sets alone need no rows; a name becomes a label."""
    name = f"page-{secrets.token_hex(4)}"
    for part in ("strong", "weak"):
        put_features(open_web, f"{name}-{part}")
    cookie, hidden = form_of(open_web, "/submit")
    fields = {**hidden, "strong": f"features:{name}-strong", "weak": f"features:{name}-weak", "name": name}
    first, second = (post(open_web, "/submit", cookie, fields) for _ in range(2))
    assert (first.status, first.headers["location"]) == (303, second.headers["location"])
    job = first.headers["location"].removeprefix("/jobs/")
    ended = open_web.get(f"/v1/jobs/{job}/wait?timeout=120s").json["job"]
    assert (ended["state"], ended["labels"]) == ("JOB_STATE_SUCCEEDED", {"name": name})


def put_features(one, name):
    values = np.random.default_rng(len(name)).normal(size=(60, 4)).astype("<f4")
    manifest = Manifest.of(name, values)
    path = f"/v1/features/{name}?shape=60&shape=4&dtype=DTYPE_FLOAT32&fingerprint={manifest.fingerprint}"
    assert one.ask("PUT", path, values.tobytes()).status == 200


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"\x1f\x8b" + b"0" * 90, "not compressed"), (b'{"nothing": 1}', "the file has no column")],
)
def test_a_file_that_has_no_rows_is_refused(open_web, raw, text):
    """Under a name that points out of every folder."""
    cookie, hidden = form_of(open_web, "/submit")
    fields = {**hidden, "strong": "features:a", "more": "features:b", 'file"; filename="../../rows.jsonl': raw}
    head = b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    pairs = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in fields.items()]
    headers = {"content_type": "multipart/form-data; boundary=b", "cookie": cookie, "origin": open_web.url}
    reply = open_web.ask("POST", "/submit", b"".join(head % pair for pair in pairs) + b"--b--\r\n", **headers)
    assert reply.status == 400
    assert text in reply.body.decode()


def test_signing_in_stores_the_token_out_of_reach_of_scripts(guarded):
    one, token = guarded.web, guarded.tokens["page"]
    for path in ("/", "/jobs/x", "/submit", "/outcomes"):
        assert (one.get(path).status, one.get(path).headers["location"]) == (303, "/sign-in")
    cookie, fields = form_of(one, "/sign-in")
    wrong = post(one, "/sign-in", cookie, {**fields, "token": "w2s_wrong"})
    assert wrong.status == 401
    assert "w2s-token" not in wrong.headers.get("set-cookie", "")
    right = post(one, "/sign-in", cookie, {**fields, "token": token})
    assert right.headers["location"] == "/"
    stored = right.headers["set-cookie"]
    assert stored.startswith(f"w2s-token={token};")
    assert "HttpOnly" in stored
    assert "SameSite=strict" in stored
    signed = f"{cookie}; w2s-token={token}"
    assert one.get("/", cookie=signed).status == 200
    assert one.get("/v1/jobs", cookie=signed).status == 401, "the API takes no cookies"
    assert post(one, "/submit", signed, {"form": "x"}).status == 403
    out = post(one, "/sign-out", signed, fields)
    assert 'w2s-token=""' in out.headers["set-cookie"]


def test_a_form_of_an_unknown_caller_is_not_read(guarded):
    one = guarded.web
    cookie, fields = form_of(one, "/sign-in")
    assert post(one, "/submit", cookie, {**fields, "rows": "x" * 100_000}).headers["location"] == "/sign-in"
    assert post(one, "/sign-in", cookie, {**fields, "token": "x" * 100_000}).status == 413
    assert post(one, "/sign-in", cookie, {**fields, "token": "a\r\nset-cookie: b"}).status == 401
