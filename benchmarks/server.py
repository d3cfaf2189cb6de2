"""Serves pages that were rendered beforehand, so that only the readers are measured.

    python benchmarks/server.py ROWS

prints its URL. One campaign, whose recipients have 12 fields in pages of 500; tokens
for everybody.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 500
KEY = "3z" + "0" * 64
CAMPAIGN = {
    "campaign_key": KEY,
    "campaign_name": "One",
    "campaign_status": "Sent",
    "campaigntype": "normal",
    "sent_time_gmt": "1760000000000",
    "sent_date_string": "09 Oct 2025, 04:53 AM",
    "sent_time_zone": "America/New_York",
}


def row(number: int) -> dict[str, str]:
    """Return a recipient: 12 fields, some of them empty, as Zoho sends them."""
    return {
        "contactid": str(303000014269257 + number),
        "contactemailaddress": f"user{number}@example.com",
        "contactfn": f"First {number % 977}",
        "contactln": "" if number % 7 == 0 else f"Last {number % 991}",
        "companyname": "null" if number % 3 else "Example & Sons",
        "phone": "null",
        "contactstatus": "active",
        "sent_time": str(1760028800000 + number * 20),
        "sentdate": f"09 Oct 2025, 0{5 + number // 3000 % 4}:{number // 50 % 60:02} AM",
        "timezone": "null",
        "city": "Springfield",
        "country": "United States",
    }


def _json(name: str, rows: list[dict[str, str]], start: int) -> bytes:
    details = {"range": PAGE, "fromindex": start}
    return json.dumps(
        {
            "requestdetails": details,
            "status": "success",
            name: rows,
            "code": "0",
            "version": "1.1",
        }
    ).encode()


def _xml(name: str, element: str, rows: list[dict[str, str]], start: int) -> bytes:
    def text(value: str) -> str:
        return value.replace("&", "&amp;")

    items = "".join(
        f"<{element}>"
        + "".join(
            f'<fl val="{name}">{text(value)}</fl>' for name, value in item.items()
        )
        + f"</{element}>"
        for item in rows
    )
    return (
        '<response uri="/api/v1.1/x" version="1.1"><status>success</status>'
        f"<code>0</code><range>{PAGE}</range><fromindex>{start}</fromindex><{name}>{items}</{name}>"
        "</response>"
    ).encode()


def main(total: int) -> None:
    """Render all pages, then serve them until the process is killed."""
    pages: dict[tuple[str, str, str], bytes] = {}
    for start in range(1, total + 1, PAGE):
        rows = [row(number) for number in range(start, min(start + PAGE, total + 1))]
        pages["getcampaignrecipientsdata", "JSON", str(start)] = _json(
            "list_of_details", rows, start
        )
        pages["getcampaignrecipientsdata", "XML", str(start)] = _xml(
            "contacts", "contact", rows, start
        )
    pages["recentcampaigns", "JSON", "1"] = _json("recent_campaigns", [CAMPAIGN], 1)
    pages["recentcampaigns", "XML", "1"] = _xml(
        "recent_campaigns", "campaign", [CAMPAIGN], 1
    )
    nothing = {
        "getcampaignrecipientsdata": b'{"status":"error","code":"6303"}',
        "recentcampaigns": b'{"status":"error","code":"6101"}',
        "token": b'{"access_token":"a","expires_in":3600}',
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Answer with the page asked for."""
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            asked = parse_qs(parts.query) | parse_qs(self.rfile.read(length).decode())
            name = parts.path.rsplit("/", 1)[-1]
            page = (
                name,
                asked.get("resfmt", ["JSON"])[0],
                asked.get("fromindex", ["1"])[0],
            )
            body = pages.get(page) or nothing[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (the name that http.server looks for)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
