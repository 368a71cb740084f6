"""The page of jobs in a real browser, by clicking."""

import shutil

import numpy as np
import pytest

from predictor.store.manifest import Manifest
from tests.http.web import job_request

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="pages are clicked with playwright, which is not installed"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""That of the system; else the one that playwright fetched."""

PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except sync_api.Error as error:
            if CHROMIUM is None and "install" in str(error):
                pytest.skip("there is neither a chromium of the system nor one of `playwright install chromium`")
            raise
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, open_web):
    """A page of a browser that has been here never before; what its console complains of fails the test."""
    context = chromium.new_context(base_url=open_web.url, viewport=LAPTOP)
    context.set_default_timeout(120_000)
    opened, complaints = context.new_page(), []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture
def frozen(open_web):
    """The worker is stopped, so that a job stays RUNNING; the test cancels the job, which replaces the worker."""
    worker = open_web.running.freeze_job_worker()
    yield
    open_web.running.next_job_worker(worker)


@pytest.fixture(scope="module")
def feature_sets(open_web):
    rng = np.random.default_rng(5)
    strong = rng.normal(size=(60, 6)).astype("<f4")
    for name, values in (("clicked-strong", strong), ("clicked-near", strong[:, :4]), ("clicked-far", strong[:, 4:])):
        shape = "".join(f"&shape={size}" for size in values.shape)
        manifest = Manifest.of(name, np.ascontiguousarray(values))
        path = f"/v1/features/{name}?dtype=DTYPE_FLOAT32&fingerprint={manifest.fingerprint}{shape}"
        assert open_web.ask("PUT", path, values.tobytes()).status == 200


def submit(page, name):
    page.goto("/")
    page.get_by_role("link", name="New ranking").click()
    page.get_by_label("Strong model").fill("features:clicked-strong")
    page.get_by_label("features:clicked-near").check()
    page.get_by_label("features:clicked-far").check()
    page.get_by_label("Name to find").fill(name)
    page.get_by_role("button", name="Rank").click()
    page.wait_for_url("**/jobs/*")


def test_a_ranking_is_asked_for_watched_read_and_deleted_by_clicking(page, feature_sets):
    """The job's page changes by itself from its state to its ranking."""
    submit(page, "clicked")
    page.locator(".state.succeeded").wait_for()
    page.get_by_role("link", name="Full report").click()
    page.locator(".eyebrow", has_text="Weak-to-strong ranking").wait_for()
    page.go_back()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/")
    assert page.get_by_role("link", name="clicked", exact=True).count() == 0


def test_two_jobs_are_ticked_and_compared(page, feature_sets):
    for name in ("one", "two"):
        submit(page, f"ticked-{name}")
        page.locator(".state.succeeded").wait_for()
    page.goto("/")
    for name in ("one", "two"):
        page.get_by_label(f"Compare ticked-{name}").check()
    page.get_by_role("button", name="Compare the two that are ticked").click()
    page.get_by_role("heading", name="Two rankings").wait_for()
    assert page.locator(".warnings, .notes").count() == 0
    page.get_by_role("rowheader", name="features:clicked-near").wait_for()


def test_the_list_follows_a_job_without_being_loaded_again(page, open_web, frozen):
    """From the queue to cancelled, through a stream of events; the row is the one that was there."""
    job = open_web.post("/v1/jobs", job_request(labels={"name": "followed"})).json["job"]["id"]
    page.goto("/")
    row = page.locator(f'[data-job="{job}"]')
    row.evaluate("row => row.dataset.seen = 'yes'")
    row.locator(".state.running").wait_for()
    open_web.post(f"/v1/jobs/{job}/cancel")
    row.locator(".state.cancelled").wait_for()
    assert row.get_attribute("data-seen") == "yes"
    assert row.locator("progress").count() == 0


def test_without_scripts_the_page_loads_itself_again(chromium, open_web, frozen):
    job = open_web.post("/v1/jobs", job_request()).json["job"]["id"]
    context = chromium.new_context(base_url=open_web.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/jobs/{job}")
    page.locator(".state.running").wait_for()  # by the refresh alone, where it was queued at first
    assert page.locator('meta[http-equiv="refresh"]').count() == 1
    page.get_by_role("button", name="Cancel").click()
    page.locator(".state:is(.cancelled, .cancelling)").wait_for()
    context.close()


@pytest.mark.parametrize("viewport", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_no_page_is_wider_than_its_screen(page, open_web, feature_sets, viewport):
    job = open_web.post("/v1/jobs", job_request()).json["job"]["id"]
    page.set_viewport_size(viewport)
    for path in ("/", f"/jobs/{job}", "/compare", "/outcomes", "/calibrations", "/submit"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


def test_signing_in_and_out(chromium, guarded):
    context = chromium.new_context(base_url=guarded.web.url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Token").fill("w2s_wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This token is not valid here").wait_for()
    page.get_by_label("Token").fill(guarded.tokens["page"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Jobs").wait_for()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto("/")
    page.get_by_role("heading", name="Sign in").wait_for()
    context.close()
