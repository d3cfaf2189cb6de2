"""The page of the marts, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import typing as t
from datetime import date, timedelta
from importlib.metadata import distribution

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from scripts.browser import browser
from tests.dbt.conftest import DAYS, World, write_files
from tests.support.dbt import MARTS, dbt, duckdb_tables, in_dbt_environment, report
from tests.support.odd_accounts import OddRun

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

    from tests.dbt.conftest import Built
    from tests.support.dbt import Rows

pytestmark = pytest.mark.slow

ATTACK = "document.documentElement.dataset.attacked = 1"
NAMES = (
    f"<script>{ATTACK}</script>",
    f"</script><script>{ATTACK}</script>",
    f'"><img src=x onerror="{ATTACK}">',
    f"'><svg onload='{ATTACK}'></svg>",
    "</svg></title></style>&lt;b&gt; &amp; {{ 7 * 7 }} {% raw %}",
    "control \x01\x0b\x1b\x7f\ufffe characters <!-- \u2028",
    "\u202eright to left, and a name of one word: " + "x" * 300,
)
NAMED = {"campaigns": "campaign_name", "mailing_lists": "list_name"}
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
NO_VALUE = "—"
_EMPTY = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    query = "select table_name from duckdb_tables()"
    for name, in connection.execute(query).fetchall():
        connection.execute(f"delete from {name}")
"""
_CELLS = """
return [...document.querySelector(arguments[0]).tBodies[0].rows].map(
    row => [...row.cells].map(cell => cell.textContent.trim()))
"""
_BOXES = "return arguments[0].getClientRects().length"


class Page(t.NamedTuple):
    """The page, and the marts that it was made from."""

    file: Path
    marts: dict[str, Rows]

    def open(self, chrome: Chrome) -> None:
        chrome.get(self.file.as_uri())


def hostile(messages: str) -> str:
    """Give campaigns and lists names that attack a page."""
    lines, seen = [], 0
    for message in map(json.loads, messages.splitlines()):
        if (stream := message.get("stream")) in NAMED and message["type"] == "RECORD":
            message["record"][NAMED[stream]] = NAMES[seen % len(NAMES)]
            seen += 1
        lines.append(json.dumps(message))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the page of an account with hostile names, read on two days."""
    world = World(tmp_path_factory.mktemp("report"), contacts=120, campaigns=8)
    for day in DAYS:
        world.now = day
        write_files(world, hostile(world.read()))
    status, log = dbt(world.folder, "run", ZOHOCAMPAIGNS_FILES=str(world.files))
    assert status == 0, log
    report(world.folder)
    return Page(world.folder / "report.html", duckdb_tables(world.folder, MARTS))


@pytest.fixture
def chrome(page: Page) -> Iterator[Chrome]:
    with browser("--window-size=1200,900") as chrome:
        page.open(chrome)
        yield chrome


def cells(chrome: Chrome, table: str) -> list[list[str]]:
    """Return the texts of the rows of a table."""
    rows: list[list[str]] = chrome.execute_script(_CELLS, f"#{table}")
    return rows


def console(chrome: Chrome) -> list[dict[str, t.Any]]:
    """Return the messages of the browser's console since the last call."""
    log: t.Any = chrome.get_log
    return t.cast("list[dict[str, t.Any]]", log("browser"))


def number(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,}"


def text_of(name: str) -> str:
    """Return a name without what no document can have."""
    return re.sub("[\x01\x0b\x1b\ufffe]", "\ufffd", name).strip()


def percent(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.1%}"


def sent_campaigns(page: Page) -> Rows:
    rows = [row for row in page.marts["campaigns"] if row["sent_time"]]
    return sorted(rows, key=lambda row: row["sent_time"], reverse=True)


def campaign(row: dict[str, t.Any]) -> list[str]:
    return [
        text_of(row["campaign_name"]),
        row["sent_time"][:10],
        *(number(row[name]) for name in ("sent", "delivered", "unique_opens")),
        percent(row["open_rate"]),
        number(row["unique_clicks"]),
        percent(row["click_rate"]),
        *(number(row[name]) for name in ("unsubscribes", "complaints", "bounces")),
    ]


def test_campaigns_have_the_figures_of_the_marts(page: Page, chrome: Chrome) -> None:
    shown = cells(chrome, "campaign-table")
    assert [row[:-1] for row in shown] == [*map(campaign, sent_campaigns(page))]
    # Opens are contacts, counted once for each sending.
    for row, mart in zip(shown, sent_campaigns(page), strict=True):
        opened = [
            one
            for one in page.marts["recipients"]
            if one["main_campaign_key"] == mart["campaign_key"]
            and one["first_open_time"]
        ]
        line = f"{len(opened):,} opens within " if opened else NO_VALUE
        assert row[-1].startswith(line)
    assert any(row[-1] != NO_VALUE for row in shown)


def test_other_sections_have_the_figures_of_the_marts(
    page: Page, chrome: Chrome
) -> None:
    last = str(DAYS[1].date())
    growth = [row for row in page.marts["list_growth"] if row["counted_on"] == last]
    columns = ("active", "net", "joined", "left_list", "unsubscribed", "bounced")
    # There was one count before this, so it has all changes.
    assert sorted([row[0], *row[2:]] for row in cells(chrome, "list-table")) == sorted(
        [text_of(row["list_name"]), last, *(number(row[name]) for name in columns)]
        for row in growth
    )
    domains = page.marts["deliverability"]
    numbers = ("contacts", "sent", "hard_bounces", "soft_bounces")
    assert [row[:6] for row in cells(chrome, "domain-table")] == [
        [
            one["email_domain"],
            *(number(one[name]) for name in numbers),
            percent(one["bounce_rate"]),
        ]
        for one in sorted(domains, key=lambda one: (-one["sent"], one["email_domain"]))
    ]
    assert sum(int(row[1]) for row in cells(chrome, "cohort-table")) == len(
        page.marts["contacts"]
    )
    for place, name in enumerate(("engaged", "lapsing", "dormant", "never opened")):
        shown = sum(int(row[2 + place]) for row in cells(chrome, "cohort-table"))
        found = [one for one in page.marts["contacts"] if one["engagement"] == name]
        assert shown == len(found)
    for stream, parts, _, newest, read, loaded, *missing in cells(chrome, "part-table"):
        rows = [
            one
            for one in page.marts["reconciliation"]
            if one["stream"] == stream and not one["is_deleted"]
        ]
        assert parts == number(len(rows))
        assert newest == max(one["snapshot_time"] for one in rows)[:16]
        assert read == number(sum(one["rows_read"] for one in rows))
        assert loaded == number(sum(one["rows_loaded"] for one in rows))
        assert missing == ["0", "0"]


def test_funnel_follows_the_choice(page: Page, chrome: Chrome) -> None:
    for place, row in enumerate(sent_campaigns(page)):
        Select(chrome.find_element(By.ID, "campaign")).select_by_index(place)
        steps = [
            row[name] for name in ("sent", "delivered", "unique_opens", "unique_clicks")
        ]
        shown = cells(chrome, "funnel")
        assert [line[1] for line in shown] == [*map(number, steps)]
        assert float(shown[2][2].rstrip("%")) == pytest.approx(
            100 * steps[2] / steps[0], abs=0.06
        )


def head(chrome: Chrome, name: str) -> WebElement:
    path = (
        f"//table[@id='campaign-table']//th[starts-with(normalize-space(), '{name}')]"
    )
    return chrome.find_element(By.XPATH, path)


@pytest.mark.parametrize("key", [None, Keys.ENTER, Keys.SPACE])
def test_campaigns_can_be_sorted(page: Page, chrome: Chrome, key: str | None) -> None:
    opens = [row["unique_opens"] for row in sent_campaigns(page)]
    assert len({*opens}) > 1
    button = head(chrome, "Opened").find_element(By.TAG_NAME, "button")
    for state, reverse in (("descending", True), ("ascending", False)):
        button.send_keys(key) if key else button.click()
        shown = [int(row[4]) for row in cells(chrome, "campaign-table")]
        assert shown == sorted(opens, reverse=reverse)
        assert head(chrome, "Opened").get_attribute("aria-sort") == state
        assert head(chrome, "Sent on").get_attribute("aria-sort") is None
    # The same browser compares the names.
    head(chrome, "Campaign").find_element(By.TAG_NAME, "button").click()
    names = [row[0] for row in cells(chrome, "campaign-table")]
    assert names == chrome.execute_script(
        "return arguments[0].toSorted((a, b) => a.localeCompare(b))", names
    )


def test_names_are_texts(page: Page, chrome: Chrome) -> None:
    shown = {row[0] for row in cells(chrome, "campaign-table")}
    assert shown == {text_of(row["campaign_name"]) for row in sent_campaigns(page)}
    assert len(shown) > len(NAMES) // 2
    assert not chrome.find_elements(By.CSS_SELECTOR, "[data-attacked], img, b")
    assert len(chrome.find_elements(By.TAG_NAME, "script")) == 1


def test_no_script_but_its_own_runs(page: Page, tmp_path: Path) -> None:
    # As if a name had not been escaped.
    broken = tmp_path / "report.html"
    broken.write_text(page.file.read_text().replace("<h1>", f"{NAMES[0]}<h1>"))
    with browser() as chrome:
        chrome.get(broken.as_uri())
        assert len(chrome.find_elements(By.TAG_NAME, "script")) == 2
        assert not chrome.find_elements(By.CSS_SELECTOR, "[data-attacked]")


def test_nothing_is_requested_and_the_console_is_empty(chrome: Chrome) -> None:
    entries = chrome.execute_script(
        "return performance.getEntriesByType('resource').map(one => one.name)"
    )
    assert entries == []
    assert console(chrome) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_axe_finds_nothing(page: Page, chrome: Chrome, scheme: str, width: int) -> None:
    emulate(chrome, scheme, width)
    page.open(chrome)
    package = distribution("axe-playwright-python")
    axe = package.locate_file("axe_playwright_python/axe.min.js").read_text()
    chrome.execute_script(axe)
    found = chrome.execute_async_script(
        "const done = arguments[0]; axe.run().then(done, error => done(String(error)))"
    )
    assert found["passes"]
    assert [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found["violations"]
    ] == []
    # It fits the screen; wide tables scroll by themselves.
    sizes = "return [document.documentElement.scrollWidth, innerWidth]"
    content, screen = chrome.execute_script(sizes)
    assert content <= screen


def emulate(chrome: Chrome, scheme: str, width: int) -> None:
    """Show pages as a device of that width and color scheme would."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    for command, values in (
        ("Emulation.setDeviceMetricsOverride", screen),
        ("Emulation.setEmulatedMedia", {"features": features}),
    ):
        chrome.execute_cdp_cmd(command, values)


def test_dark_and_print_have_their_own_colors(page: Page, chrome: Chrome) -> None:
    script = "return getComputedStyle(document.body).backgroundColor"
    colors = {}
    for scheme in ("light", "dark"):
        emulate(chrome, scheme, 1200)
        page.open(chrome)
        colors[scheme] = chrome.execute_script(script)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"media": "print", "features": features}
    )
    printed = chrome.execute_script(script)
    assert colors["light"] == printed == "rgb(255, 255, 255)"
    assert colors["dark"] != colors["light"]
    # Chromium repeats no button in the head of a table on the next page.
    buttons = chrome.find_elements(By.CSS_SELECTOR, "th button")
    assert buttons
    assert not any(chrome.execute_script(_BOXES, one) for one in buttons)


def test_addresses_are_shown_only_if_asked_for(page: Page) -> None:
    addresses = {row["contact_email"] for row in page.marts["contacts"]}
    text = page.file.read_text()
    assert addresses
    assert not ADDRESS.search(text)
    folder = page.file.parent
    asked = report(folder, "--contacts", "3", "--page", str(folder / "contacts.html"))
    # `report` reads its own page; the last --page counts.
    assert asked == text
    found = {*ADDRESS.findall((folder / "contacts.html").read_text())}
    assert len(found) == 3
    assert found <= addresses


def test_page_without_rows_opens(page: Page, tmp_path: Path) -> None:
    shutil.copy(page.file.with_name("zoho.duckdb"), tmp_path)
    file = str(tmp_path / "zoho.duckdb")
    done = in_dbt_environment("python", "-c", _EMPTY, file)
    assert done.returncode == 0, done.stderr
    text = report(tmp_path)
    for sentence in ("No campaign was sent yet.", "No mail was read yet."):
        assert sentence in text
    with browser() as chrome:
        chrome.get((tmp_path / "report.html").as_uri())
        assert console(chrome) == []


def count_again(world: World) -> None:
    """Count the lists twice more, once without their active contacts."""
    file = world.files / "list_subscriber_counts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    day = date.fromisoformat(max(row["counted_on"] for row in rows))
    with file.open("a") as lines:
        for days, left_out in ((1, "active"), (2, "")):
            again = {"counted_on": str(day + timedelta(days))}
            for row in rows:
                if row["status"] != left_out:
                    lines.write(json.dumps(row | again) + "\n")


def test_numbers_that_are_not_known_are_not_0(tmp_path: Path) -> None:
    world = World(tmp_path)
    whole, narrow = OddRun(), OddRun(settings={"actions": ["openedcontacts"]})
    for run, name in ((whole, "whole"), (narrow, "narrow")):
        write_files(world, run.messages(name))
    count_again(world)
    status, log = dbt(world.folder, "run", ZOHOCAMPAIGNS_FILES=str(world.files))
    assert status == 0, log
    report(world.folder, "--contacts", "20")
    marts = duckdb_tables(world.folder, MARTS)
    lists = {(row["account_id"], row["list_key"]) for row in marts["list_growth"]}
    unknown = [one for one in marts["contacts"] if one["engagement"] is None]
    assert 0 < len(unknown) < len(marts["contacts"])
    with browser() as chrome:
        Page(world.folder / "report.html", marts).open(chrome)
        shown = cells(chrome, "cohort-table")
        # Before the last column, that of the open rate.
        assert sum(int(row[-2]) for row in shown) == len(unknown)
        assert NO_VALUE in {row[-1] for row in shown}
        assert {tuple(row[2:6]) for row in cells(chrome, "domain-table")} == {
            (NO_VALUE,) * 4
        }
        assert "None" not in {row[1] for row in cells(chrome, "contact-table")}
        # The net change is known from the first and the last count.
        assert [row[4:7] for row in cells(chrome, "list-table")] == [
            ["0", NO_VALUE, NO_VALUE]
        ] * len(lists)
        assert console(chrome) == []


def test_page_of_postgres_is_that_of_duckdb(built: Built) -> None:
    on_duckdb, on_postgres = (
        re.sub(r"Written [\d: -]+", "", text) for text in built.pages
    )
    assert on_duckdb == on_postgres


def test_missing_database_is_one_sentence(tmp_path: Path) -> None:
    done = in_dbt_environment(
        *("zohocampaigns-report", "--page", str(tmp_path / "report.html")),
        ZOHOCAMPAIGNS_DUCKDB=str(tmp_path / "none.duckdb"),
    )
    assert done.returncode == 1
    file = tmp_path.resolve() / "none.duckdb"
    assert done.stderr == f"There is no database {file}. Run `dbt build` first.\n"
    assert not [*tmp_path.iterdir()]
