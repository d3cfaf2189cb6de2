-- When each segment was read whole.
select distinct
    account_id,
    cvid,
    snapshot_time
from (
    {{ zoho_rows('snapshots', [('stream', 'text'), ('cvid', 'text'), ('snapshot_time', 'time')]) }}
) as loaded
where stream = 'segment_contacts' and snapshot_time is not null
