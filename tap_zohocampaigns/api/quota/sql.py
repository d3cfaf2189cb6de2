"""The SQL of the ledger in a file."""

from __future__ import annotations

import typing as t

SCHEMA: t.Final = (
    """
CREATE TABLE IF NOT EXISTS noted (
    account TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    kind TEXT NOT NULL, -- a call; a lock of the service; a limit of a run
    name TEXT NOT NULL, -- random for a call; calls and seconds for a limit
    ticks REAL NOT NULL, -- seconds of a clock that starts with the boot
    boot TEXT NOT NULL,
    wall REAL NOT NULL, -- seconds of the epoch
    -- seconds after `ticks`: until when a call may be underway, a lock lasts, a limit
    -- is kept by others
    lasts REAL NOT NULL,
    ends REAL NOT NULL, -- `ticks` and `lasts` together
    PRIMARY KEY (account, endpoint, kind, name)
)
""",
    """
CREATE INDEX IF NOT EXISTS noted_by_end
ON noted (account, endpoint, kind, ends)
""",
    """
CREATE INDEX IF NOT EXISTS noted_by_age
ON noted (account, endpoint, ticks)
""",
    """
CREATE INDEX IF NOT EXISTS noted_by_boot
ON noted (account, endpoint, boot)
""",
)
# Entries made before a restart of the machine, or on another machine, are moved to the
# clock of this boot. Entries from the future were made now at the latest. Each part
# uses an index, since a day holds 75,000 calls of some endpoints.
ADOPT = """
UPDATE noted
SET boot = :boot,
    ticks = :ticks - max(:wall - :step - wall, 0),
    wall = min(wall, :wall),
    ends = :ticks - max(:wall - :step - wall, 0) + lasts
WHERE rowid IN (
    SELECT rowid FROM noted
    WHERE account = :account AND endpoint = :endpoint AND boot < :boot
    UNION ALL SELECT rowid FROM noted
    WHERE account = :account AND endpoint = :endpoint AND boot > :boot
    UNION ALL SELECT rowid FROM noted
    WHERE account = :account AND endpoint = :endpoint AND ticks > :ticks
)
"""
LOCKED = """
SELECT max(ends) - :ticks FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'lock'
    AND ends > :ticks
"""
# A call counts until `ends` at the latest, but it may also end now.
FULL = """
SELECT min(ends, :ticks) + :window - :ticks FROM (
    SELECT ends FROM noted
    WHERE account = :account AND endpoint = :endpoint AND kind = 'call'
    ORDER BY ends DESC LIMIT 1 OFFSET :calls - 1
) WHERE ends > :ticks - :window
"""
REMAINING = """
SELECT :calls - count(*) FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'call'
    AND ends > :ticks - :window
"""
NOTE = """
INSERT OR REPLACE INTO noted
VALUES (:account, :endpoint, :kind, :name, :ticks, :boot, :wall, :lasts,
    :ticks + :lasts)
"""
LIMITS = """
SELECT name, lasts, ends > :ticks FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'limit'
"""
PRUNE = """
DELETE FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'call'
    AND ends <= :ticks - :kept
"""
