with ranked as (
    select
        *,
        row_number() over (
            partition by account_id, cvid, lower(contact_email)
            order by snapshot_time desc, contact_email
        ) as place
    from {{ ref('stg_segment_contacts') }}
    where is_current
)

select
    members.account_id,
    members.cvid,
    lower(members.contact_email) as contact_email,
    max(segments.segment_name) as segment_name,
    max(segments.list_key) as list_key,
    max(lists.list_name) as list_name,
    {%- for name in ['first_name', 'last_name', 'company_name'] %}
    max(case when members.place = 1 then members.{{ name }} end) as {{ name }},
    {%- endfor %}
    min(members.added_time) as added_time,
    max(members.snapshot_time) as snapshot_time
from ranked as members
left join {{ ref('stg_segments') }} as segments
    on members.account_id = segments.account_id and members.cvid = segments.cvid
left join {{ ref('stg_mailing_lists') }} as lists
    on segments.account_id = lists.account_id and segments.list_key = lists.list_key
group by members.account_id, members.cvid, lower(members.contact_email)
