"""A server with rows that are rendered beforehand, so that only readers are measured.

    python benchmarks/server.py ROWS

It prints its URL. It serves one campaign, with recipients of 12 fields in pages of 500,
and returns a token to everyone.
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


def as_json(row: dict[str, str]) -> bytes:
    """Return a row as an item of a JSON list."""
    return json.dumps(row).encode()


def as_xml(row: dict[str, str], element: str) -> bytes:
    """Return a row as an XML element."""
    fields = "".join(
        f'<fl val="{name}">{value.replace("&", "&amp;")}</fl>'
        for name, value in row.items()
    )
    return f"<{element}>{fields}</{element}>".encode()


class Feed:
    """The rendered rows of an endpoint; a page is a slice of them."""

    def __init__(self, names: tuple[str, str, str], rows: list[dict[str, str]]) -> None:
        """Render the rows.

        Args:
            names: Names of the list in JSON, of the list in XML, and of its elements.
            rows: The rows by field name.
        """
        self._names = names
        self._json = [as_json(row) for row in rows]
        self._xml = [as_xml(row, names[2]) for row in rows]

    def page(self, start: int, *, json_: bool) -> bytes:
        """Return a page of rows, or nothing past the end."""
        rows = (self._json if json_ else self._xml)[start - 1 : start - 1 + PAGE]
        if not rows:
            return b""
        if json_:
            head = f'{{"requestdetails":{{"range":{PAGE},"fromindex":{start}}},'
            head += f'"status":"success","code":"0","{self._names[0]}":['
            return head.encode() + b",".join(rows) + b"]}"
        name = self._names[1]
        head = "<response><status>success</status><code>0</code>"
        head += f"<range>{PAGE}</range><fromindex>{start}</fromindex><{name}>"
        return head.encode() + b"".join(rows) + f"</{name}></response>".encode()


def main(total: int) -> None:
    """Render all rows, then serve them until the process is killed."""
    recipients = [row(number) for number in range(1, total + 1)]
    feeds = {
        "getcampaignrecipientsdata": Feed(
            ("list_of_details", "contacts", "contact"), recipients
        ),
        "recentcampaigns": Feed(
            ("recent_campaigns", "recent_campaigns", "campaign"), [CAMPAIGN]
        ),
    }
    fixed_bodies = {
        "getcampaignrecipientsdata": b'{"status":"error","code":"6303"}',
        "recentcampaigns": b'{"status":"error","code":"6101"}',
        "campaignreports": b'{"status":"error","code":"6302"}',
        "getmailinglists": b'{"status":"error","code":"2401"}',
        "token": b'{"access_token":"a","expires_in":3600}',
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Answer with a page, a token or an error."""
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            params = parse_qs(parts.query) | parse_qs(self.rfile.read(length).decode())
            name = parts.path.rsplit("/", 1)[-1]
            start = int(params.get("fromindex", ["1"])[0])
            json_ = params.get("resfmt", ["JSON"])[0] == "JSON"
            body = feeds[name].page(start, json_=json_) if name in feeds else b""
            body = body or fixed_bodies[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (http.server requires this name)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
