-- Who was in which segment at which read. With a loader that keeps one row a key, that is
-- the last read that had the contact.
select distinct
    account_id,
    cvid,
    lower(contact_email) as contact_email,
    snapshot_time
from (
    {{ zoho_rows('segment_contacts', [
        ('cvid', 'text'), ('contact_email', 'text'), ('snapshot_time', 'time'),
    ]) }}
) as loaded
where snapshot_time is not null
