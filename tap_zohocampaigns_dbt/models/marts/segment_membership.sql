select
    members.account_id,
    members.cvid,
    lower(members.contact_email) as contact_email,
    max(segments.segment_name) as segment_name,
    max(segments.list_key) as list_key,
    max(lists.list_name) as list_name,
    max(members.first_name) as first_name,
    max(members.last_name) as last_name,
    max(members.company_name) as company_name,
    min(members.added_time) as added_time,
    max(members.snapshot_time) as snapshot_time
from {{ ref('stg_segment_contacts') }} as members
left join {{ ref('stg_segments') }} as segments
    on members.account_id = segments.account_id and members.cvid = segments.cvid
left join {{ ref('stg_mailing_lists') }} as lists
    on segments.account_id = lists.account_id and segments.list_key = lists.list_key
where members.is_current
group by members.account_id, members.cvid, lower(members.contact_email)
