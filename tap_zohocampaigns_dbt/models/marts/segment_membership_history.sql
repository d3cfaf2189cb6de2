{#-
    Files keep the rows of all reads, so the history is worked out anew from them. A table
    keeps the last row of each contact, so there each build adds what it sees.
-#}
{%- set keeps_all = var('zohocampaigns_keeps_all_rows', zoho_reads_files()) -%}
{{ config(
    materialized='table' if var('zohocampaigns_keeps_all_rows', zoho_reads_files()) else 'incremental',
    unique_key=['account_id', 'cvid', 'contact_email', 'entered_time'],
    on_schema_change='fail',
    full_refresh=none if var('zohocampaigns_keeps_all_rows', zoho_reads_files()) else false,
) }}

{%- if keeps_all %}

with reads as (
    select
        account_id,
        cvid,
        snapshot_time,
        row_number() over (partition by account_id, cvid order by snapshot_time) as read_number,
        lead(snapshot_time) over (partition by account_id, cvid order by snapshot_time)
            as next_time
    from {{ ref('int_segment_read_times') }}
),

-- Reads without a gap between them have the same difference of numbers.
seen as (
    select
        members.account_id,
        members.cvid,
        members.contact_email,
        reads.snapshot_time,
        reads.next_time,
        reads.read_number - row_number() over (
            partition by members.account_id, members.cvid, members.contact_email
            order by reads.read_number
        ) as stay
    from {{ ref('int_segment_reads') }} as members
    inner join reads
        on members.account_id = reads.account_id
        and members.cvid = reads.cvid
        and members.snapshot_time = reads.snapshot_time
)

select
    account_id,
    cvid,
    contact_email,
    min(snapshot_time) as entered_time,
    case when count(*) = count(next_time) then max(next_time) end as left_time,
    count(*) > count(next_time) as is_current
from seen
group by account_id, cvid, contact_email, stay

{%- else %}

with last_reads as (
    select account_id, cvid, max(snapshot_time) as snapshot_time
    from {{ ref('int_segment_read_times') }}
    group by account_id, cvid
),

members as (
    select
        members.account_id,
        members.cvid,
        members.contact_email,
        max(members.snapshot_time) as seen_time,
        max(last_reads.snapshot_time) as read_time,
        max(members.snapshot_time) >= max(last_reads.snapshot_time) as is_current
    from {{ ref('int_segment_reads') }} as members
    inner join last_reads
        on members.account_id = last_reads.account_id and members.cvid = last_reads.cvid
    group by members.account_id, members.cvid, members.contact_email
){{ ',' if is_incremental() }}

{%- if is_incremental() %}

built as (
    select * from {{ this }}
),

gone as (
    select
        built.account_id,
        built.cvid,
        built.contact_email,
        built.entered_time,
        last_reads.snapshot_time as left_time,
        false as is_current
    from built
    inner join last_reads
        on built.account_id = last_reads.account_id and built.cvid = last_reads.cvid
    left join members
        on built.account_id = members.account_id
        and built.cvid = members.cvid
        and built.contact_email = members.contact_email
        and members.is_current
    where built.is_current and members.contact_email is null
)
{%- endif %}

select
    members.account_id,
    members.cvid,
    members.contact_email,
    members.seen_time as entered_time,
    case when not members.is_current then members.read_time end as left_time,
    members.is_current
from members
{%- if is_incremental() %}
-- Not if they are in it already, or are known to have left after that read.
where not exists (
    select 1
    from built
    where built.account_id = members.account_id
        and built.cvid = members.cvid
        and built.contact_email = members.contact_email
        and (built.is_current or built.left_time > members.seen_time)
)

union all

select account_id, cvid, contact_email, entered_time, left_time, is_current
from gone
{%- endif %}

{%- endif %}
