"""The status page in Chromium: as a release manager sees it, with mouse or keyboard, on a desk or a phone."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from conftest import WITHOUT_BROWSER
from pulumi_codeartifact_release.cli.output_files import write_atomically
from pulumi_codeartifact_release.cli.status_read import Report
from pulumi_codeartifact_release.cli.views.status_page import page as written

from .reports import CALM, HOSTILE, LONG, LONG_VERSION, MANY, NOW, STORIES, UNREAD, USUAL, digest, hostile

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SIZES: tuple[ViewportSize, ...] = (DESK, {"width": 820, "height": 800}, PHONE, {"width": 320, "height": 640})

SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => each.open = true)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(WITHOUT_BROWSER)
    # Of this module alone: as long as it runs, this thread has an event loop that other tests may not expect.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Desk:
    """Opens pages, and knows what was asked for. A page is kept for the next test that wants one of its kind."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.file = folder / "status.html"
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._browser = browser
        self._pages: dict[str, Page] = {}

    def __call__(
        self, report: Report = USUAL, fragment: str = "", prepare: str = "", at: datetime = NOW, **options: Any
    ) -> Page:
        write_atomically(self.file, written(report), "--html")
        key = repr((prepare, sorted(options.items())))
        page = self._pages.get(key) or self._pages.setdefault(key, self._new(prepare, options))
        page.goto("about:blank")
        page.set_viewport_size(options.get("viewport", DESK))
        if options.get("java_script_enabled", True):
            page.clock.install(time=at)
        self.requests.clear()
        self.complaints.clear()
        page.goto(self.file.as_uri() + fragment)
        return page

    def _new(self, prepare: str, options: dict[str, Any]) -> Page:
        context = self._browser.new_context(reduced_motion="reduce", **options)
        context.set_default_timeout(10_000)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", lambda message: self.complaints.append(message.text))
        if prepare:
            context.add_init_script(prepare)
        return context.new_page()


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(browser, tmp_path_factory.mktemp("page"))


def shown(page: Page) -> list[str]:
    rows = page.locator("tbody tr:visible th")
    return [text.removeprefix("acme/") for text in rows.all_inner_texts()]


def until(holds: Callable[[], bool]) -> None:
    """Wait for what the page's own policy lets nobody else wait for."""
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.className"))


# --- what is seen ---


def test_nothing_is_asked_of_anybody(opened: Desk) -> None:
    page = opened()
    page.wait_for_load_state("networkidle")
    assert {url.split(":")[0] for url in opened.requests} <= {"file", "data"}
    assert [url for url in opened.requests if url.startswith("file")] == [opened.file.as_uri()]
    assert opened.complaints == []


def test_the_tab_tells_the_state_and_so_does_the_page(opened: Desk) -> None:
    page = opened()
    state = "1 not read, 2 drifted, 5 behind, 3 pending"
    expect(page).to_have_title(f"{state} · acme release status")
    expect(page.get_by_role("heading", level=1)).to_have_text(state)
    expect(page.locator(".sums")).to_contain_text(
        "12 packages in 3 environments · as of 2026-11-22 16:00 UTC, just now"
    )


def test_where_all_is_well_it_says_so(opened: Desk) -> None:
    page = opened(CALM)
    expect(page).to_have_title("Everything is in sync · acme release status")
    expect(page.get_by_role("heading", level=1)).to_have_text("Everything is in sync")
    assert page.locator(".chip").count() == 0


def test_every_cell_says_what_it_holds_and_how_it_stands(opened: Desk) -> None:
    page = opened()
    told = {
        "payments-api": ("1.4.2", "In sync"),
        "payments-worker": ("1.4.1", "Behind staging", "Pending", "staging holds 1.4.2"),
        "ledger-importer": ("1.3.3", "Drifted", "its digest differs from 1.3.3 in staging"),
        "billing": ("Not read", "access-denied: DescribePackageVersion: the caller may not read"),
        "web-frontend": ("2.3.1", "Pinned", "Behind staging", "staging holds 2.4.0"),
        "cli-tools": ("nothing", "Pending", "1.0.0 does not exist here yet"),
    }
    for name, texts in told.items():
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=f"acme/{name}", exact=True))
        for text in texts:
            expect(row.get_by_role("cell").last).to_contain_text(text)
    expect(page.get_by_role("row").filter(has_text="cli-tools").get_by_role("cell").first).to_contain_text("Unfinished")


CUT_OFF = """[...document.querySelectorAll("main .version, main .digest, main .note, main .chip, main dd, .notice")]
  .filter((each) => getComputedStyle(each).display !== "inline" && each.scrollWidth > each.clientWidth + 1
    || each.getBoundingClientRect().right > innerWidth)
  .map((each) => each.textContent)"""


@pytest.mark.parametrize("report", [USUAL, LONG, UNREAD, hostile()], ids=["usual", "long", "unread", "hostile"])
def test_nothing_is_wider_than_the_screen_nor_cut_off(opened: Desk, report: Report) -> None:
    page = opened(report)
    page.evaluate(OPEN_ALL)
    for size in SIZES:
        page.set_viewport_size(size)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size["width"]
        assert page.evaluate(CUT_OFF) == []


def test_long_versions_and_whole_digests_are_there_to_be_read(opened: Desk) -> None:
    page = opened(LONG)
    whole = page.locator("#c0-0 .digest")
    expect(whole).to_be_hidden()
    page.locator("#c0-0-more").click()
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        expect(page.locator(".version").first).to_have_text(LONG_VERSION)
        for text in (page.locator(".version").first, whole):
            expect(text).to_be_visible()
            box = text.bounding_box()
            assert box
            assert box["x"] + box["width"] <= size["width"]
    expect(whole).to_have_text(digest(LONG_VERSION))


def test_on_a_phone_each_package_is_a_card_that_names_its_environments(opened: Desk) -> None:
    page = opened(viewport=PHONE)
    card = page.get_by_role("row").filter(has_text="payments-worker")
    assert card.locator(".only-cards:visible").all_inner_texts() == ["dev", "staging", "prod"]
    boxes = [cell.bounding_box() for cell in card.get_by_role("cell").all()]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(set(tops))
    # It is still a table for those who hear it.
    assert page.get_by_role("columnheader").count() >= 3


def test_many_environments_scroll_within_the_table(opened: Desk) -> None:
    from .reports import environment, report, step

    names = [f"region-{number}" for number in range(8)]
    story = {**step("1.0"), **{name: step("1.0")["prod"] for name in names}}
    environments = (environment("dev", None), *(environment(name, "dev") for name in names))
    page = opened(report({"acme/app": story}, environments))
    assert page.evaluate("document.scrollingElement.scrollWidth") <= DESK["width"]
    frame = page.get_by_role("region", name="Packages by environment")
    assert frame.evaluate("(each) => each.scrollWidth > each.clientWidth && each.tabIndex === 0")


def test_without_scripts_everything_is_there_to_read(opened: Desk) -> None:
    page = opened(java_script_enabled=False)
    assert len(shown(page)) == 12
    expect(page.locator("#tools")).to_be_hidden()
    assert page.locator("button:visible").count() == 0
    # Moments, not "3 h ago", which nothing would keep true.
    expect(page.locator("#c0-0").locator("xpath=../..").locator("time")).to_have_text("2026-11-22 15:48 UTC")
    page.locator("#c0-0-more").click()
    expect(page.locator("#c0-0 .digest")).to_have_text(digest("1.4.2"))


# --- looks ---

CONTRASTS = """() => {
  const parts = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return {r, g, b, a} };
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ({r, g, b}) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (each) => {
    for (; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return {r: 255, g: 255, b: 255};
  };
  const found = [];
  for (const each of document.querySelectorAll("body *")) {
    const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !each.checkVisibility() || each.closest(".unseen, script")) continue;
    const [one, other] = [light(parts(getComputedStyle(each).color)), light(behind(each))].sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), `${each.tagName}.${each.className}: ${each.textContent.trim()}`]);
  }
  return found;
}"""


@SCHEMES
def test_all_text_has_enough_contrast(opened: Desk, scheme: str) -> None:
    # Two hours later, so that the notice of old data is there too.
    page = opened(color_scheme=scheme, at=NOW + timedelta(hours=2))
    page.evaluate(OPEN_ALL)
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        found = page.evaluate(CONTRASTS)
        assert len(found) > 200
        assert [text for ratio, text in found if ratio < 4.5] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 60")
    assert dark is (scheme == "dark")


def test_what_has_the_focus_is_seen_and_not_under_the_header(opened: Desk) -> None:
    page = opened(MANY)
    page.locator("#c40-1-more").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "c40-1-copy"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    header = page.evaluate("document.querySelector('thead th').getBoundingClientRect().bottom")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= header


# --- the keyboard ---


def test_tab_goes_through_everything_in_the_order_of_the_page(opened: Desk) -> None:
    page = opened()
    seen = []
    for _ in range(13):
        page.keyboard.press("Tab")
        seen.append(focused(page))
    assert seen == [
        "skip",
        "search",
        *(f"show-{word}" for word in ("all", "problem", "drifted", "behind", "pending")),
        *(f"c0-{at}-{part}" for at in range(3) for part in ("more", "copy")),
    ]


def test_the_skip_link_leads_to_the_packages_and_keeps_the_filter(opened: Desk) -> None:
    page = opened(fragment="#show=behind")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the packages")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert focused(page) == "packages"
    assert page.url.endswith("#show=behind")


def test_slash_searches_and_escape_shows_all_again(opened: Desk) -> None:
    page = opened()
    page.keyboard.press("/")
    assert focused(page) == "search"
    page.keyboard.type("Pay")
    assert shown(page) == ["payments-api", "payments-worker"]
    expect(page.get_by_role("status").filter(has_text="Showing")).to_have_text("Showing 2 of 12 packages")
    assert page.url.endswith("#q=Pay")
    page.keyboard.press("Escape")
    assert len(shown(page)) == 12
    expect(page.get_by_role("searchbox")).to_have_value("")
    assert "#" not in page.url
    page.keyboard.type("a/b")
    expect(page.get_by_role("searchbox")).to_have_value("a/b")


def test_a_filter_shows_as_many_as_it_says(opened: Desk) -> None:
    page = opened()
    filters = {
        "Not read 1": ["billing"],
        "Drifted 2": ["ledger-importer", "identity-gateway"],
        "Pending 3": ["payments-worker", "notifications", "cli-tools"],
        "All 12": [name.removeprefix("acme/") for name in STORIES],
    }
    for name, packages in filters.items():
        button = page.get_by_role("button", name=name, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        assert shown(page) == packages
        expect(button).to_have_attribute("aria-pressed", "true")
        assert page.locator("[aria-pressed=true]").count() == 1


def test_search_and_filter_together_may_leave_nothing_and_say_so(opened: Desk) -> None:
    page = opened(fragment="#show=drifted&q=payments")
    assert shown(page) == []
    expect(page.get_by_text("No package matches.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    assert len(shown(page)) == 12
    assert focused(page) == "search"


def test_a_digest_is_copied_and_that_is_said(opened: Desk) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#c0-1-copy").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Digest copied")
    assert page.evaluate("navigator.clipboard.readText()") == digest("1.4.2")
    page.clock.fast_forward(5000)
    expect(page.locator("#said")).to_have_text("")
    expect(page.locator("#c0-1-copy")).to_have_accessible_name("Copy the digest of payments-api in staging")


def test_where_the_clipboard_is_closed_the_digest_is_selected(opened: Desk) -> None:
    page = opened(prepare="Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.locator("#c0-1-copy").click()
    expect(page.locator("#said")).to_contain_text("Digest")
    assert page.evaluate("String(getSelection())") == digest("1.4.2")


# --- a page that stays open ---


def test_times_go_on_and_keep_the_moment(opened: Desk) -> None:
    page = opened()
    since = page.locator("td time").first
    expect(since).to_have_text("12 min ago")
    expect(since).to_have_attribute("title", "2026-11-22 15:48 UTC")
    page.clock.fast_forward("02:00")
    expect(since).to_have_text("14 min ago")
    expect(page.locator("#as-of-age")).to_have_text(", 2 min ago")


def test_data_that_is_older_than_an_hour_is_told(opened: Desk) -> None:
    page = opened()
    notice = page.locator("#stale")
    expect(notice).to_be_hidden()
    page.clock.fast_forward("01:01:00")
    expect(notice).to_be_visible()
    expect(notice).to_contain_text("was read 1 h ago")


def test_after_five_minutes_it_reads_itself_anew_and_stays_as_it_was(opened: Desk) -> None:
    page = opened(MANY, "#show=behind&q=component-2", viewport={"width": 1280, "height": 400})
    names = shown(page)
    assert len(names) == 4
    page.locator("#c29-0-more").click()
    page.locator("#c29-0-copy").focus()
    page.evaluate("scrollTo(0, 150)")
    write_atomically(opened.file, written(MANY).replace("acme release status</title>", "acme, anew</title>"), "--html")
    page.clock.fast_forward("04:00")
    assert "anew" not in page.title()
    page.clock.fast_forward("01:30")
    expect(page).to_have_title(re.compile("anew"))
    page.wait_for_load_state()
    assert shown(page) == names
    expect(page.get_by_role("searchbox")).to_have_value("component-2")
    expect(page.locator("#show-behind")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#c29-0")).to_have_attribute("open", "")
    assert focused(page) == "c29-0-copy"
    until(lambda: page.evaluate("scrollY") == 150)


def test_whoever_is_typing_is_not_disturbed(opened: Desk) -> None:
    page = opened()
    write_atomically(opened.file, written(CALM), "--html")
    # The page looks at the time every half minute, the next time at five minutes.
    page.clock.fast_forward("04:30")
    page.clock.fast_forward("00:20")
    page.keyboard.press("/")
    page.keyboard.type("pay")
    page.clock.fast_forward("00:15")
    page.wait_for_timeout(400)
    assert len(opened.requests) == 1
    page.clock.fast_forward("01:00")
    expect(page).to_have_title(re.compile("Everything"))


def test_seen_again_after_a_minute_it_reads_itself_anew(opened: Desk) -> None:
    page = opened()
    write_atomically(opened.file, written(CALM), "--html")
    page.clock.fast_forward("00:50")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(400)
    assert len(opened.requests) == 1
    page.clock.fast_forward("00:11")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title(re.compile("Everything"))


def test_a_filter_survives_the_users_own_reload(opened: Desk) -> None:
    page = opened()
    page.get_by_role("button", name="Drifted 2").click()
    page.reload()
    assert shown(page) == ["ledger-importer", "identity-gateway"]


# --- hostile names ---


def test_markup_from_anywhere_is_text(opened: Desk) -> None:
    page = opened(hostile())
    page.evaluate(OPEN_ALL)
    assert page.evaluate("window.pwned") is None
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0
    assert page.evaluate("[...document.querySelectorAll('*')].filter((e) => e.onclick || e.onfocus).length") == 0
    for place in ("tbody th", ".sums", "thead", ".notice >> nth=0", "tbody td >> nth=0"):
        expect(page.locator(place).first).to_contain_text(HOSTILE)
    assert opened.complaints == []
    assert {url.split(":")[0] for url in opened.requests} <= {"file", "data"}


def test_a_script_that_got_in_would_not_run(opened: Desk) -> None:
    text = written(USUAL).replace("</main>", f"{HOSTILE}<p style='color:red' id='painted'>x</p></main>")
    page = opened()
    opened.file.write_text(text)
    page.reload()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("getComputedStyle(document.getElementById('painted')).color") != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in text for text in opened.complaints)
    assert shown(page)
