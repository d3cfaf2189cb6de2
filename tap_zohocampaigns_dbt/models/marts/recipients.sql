{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook='{{ zoho_forget_changed_sends() }}',
) }}

{%- set flags = {
    'is_opened': 'openedcontacts',
    'is_clicked': 'clickedcontacts',
    'is_unopened': 'unopenedcontacts',
    'is_unsubscribed': 'optoutcontacts',
    'is_complaint': 'spamcontacts',
    'is_hard_bounce': 'senthardbounce',
    'is_soft_bounce': 'sentsoftbounce',
    'is_unsent': 'unsentcontacts',
} %}

with changed as (
    select versions.account_id, versions.campaign_key, versions.source_version
    from {{ ref('int_send_versions') }} as versions
    {%- if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as built
        where built.account_id = versions.account_id
            and built.campaign_key = versions.campaign_key
            and built.source_version = versions.source_version
    )
    {%- endif %}
),

-- The rows of a contact may have been read at different times: the last ones name it.
ranked as (
    select
        actions.*,
        changed.source_version,
        row_number() over (
            partition by actions.account_id, actions.campaign_key, lower(actions.contact_email)
            order by actions.snapshot_time desc, actions.action, actions.contact_email
        ) as place
    from {{ ref('stg_campaign_recipients') }} as actions
    inner join changed
        on actions.account_id = changed.account_id
        and actions.campaign_key = changed.campaign_key
    where actions.is_current
),

pivoted as (
    select
        actions.account_id,
        actions.campaign_key,
        lower(actions.contact_email) as contact_email,
        actions.source_version,
        {%- for name in ['contact_id', 'first_name', 'last_name', 'company_name'] %}
        max(case when actions.place = 1 then actions.{{ name }} end) as {{ name }},
        {%- endfor %}
        max(case when actions.action <> 'unsentcontacts' then actions.sent_time end) as sent_time,
        -- Whoever did anything with the mail was sent it.
        max(case when actions.action <> 'unsentcontacts' then 1 else 0 end) = 1 as is_sent,
        {%- for flag, action in flags.items() %}
        max(case when actions.action = '{{ action }}' then 1 else 0 end) = 1 as {{ flag }},
        {%- endfor %}
        max(actions.bounced_time) as bounced_time,
        max(actions.opted_out_time) as opted_out_time
    from ranked as actions
    group by
        actions.account_id,
        actions.campaign_key,
        lower(actions.contact_email),
        actions.source_version
),

events as (
    select
        events.account_id,
        events.campaign_key,
        lower(events.contact_email) as contact_email,
        min(case when events.action = 'openedcontacts' then events.event_time end)
            as first_open_time,
        min(case when events.action = 'clickedcontacts' then events.event_time end)
            as first_click_time,
        max(case when events.action = 'openedcontacts' then events.event_time end)
            as last_open_time,
        sum(case when events.action = 'openedcontacts' then events.event_count else 0 end)
            as open_count,
        sum(case when events.action = 'clickedcontacts' then events.event_count else 0 end)
            as click_count
    from {{ ref('stg_recipient_events') }} as events
    inner join changed
        on events.account_id = changed.account_id
        and events.campaign_key = changed.campaign_key
    where events.is_current
    group by events.account_id, events.campaign_key, lower(events.contact_email)
),

-- Nobody is in the rows of an action that was not read.
flagged as (
    select
        pivoted.account_id,
        pivoted.campaign_key,
        pivoted.contact_email,
        {%- for flag, action in flags.items() %}
        case when pivoted.{{ flag }} then true when sends.has_{{ action }} then false end
            as {{ flag }},
        {%- endfor %}
        sends.main_campaign_key,
        sends.is_test_send
    from pivoted
    inner join {{ ref('int_sends') }} as sends
        on pivoted.account_id = sends.account_id
        and pivoted.campaign_key = sends.campaign_key
)

select
    pivoted.account_id,
    pivoted.campaign_key,
    pivoted.contact_email,
    flagged.main_campaign_key,
    flagged.is_test_send,
    pivoted.contact_id,
    pivoted.first_name,
    pivoted.last_name,
    pivoted.company_name,
    {{ zoho_domain('pivoted.contact_email') }} as email_domain,
    pivoted.sent_time,
    pivoted.is_sent,
    pivoted.is_sent and not flagged.is_hard_bounce and not flagged.is_soft_bounce as is_delivered,
    {%- for flag in flags %}
    flagged.{{ flag }},
    {%- endfor %}
    events.first_open_time,
    events.last_open_time,
    events.first_click_time,
    cast(events.open_count as {{ zoho_type('integer') }}) as open_count,
    cast(events.click_count as {{ zoho_type('integer') }}) as click_count,
    pivoted.bounced_time,
    pivoted.opted_out_time,
    pivoted.source_version
from pivoted
inner join flagged
    on pivoted.account_id = flagged.account_id
    and pivoted.campaign_key = flagged.campaign_key
    and pivoted.contact_email = flagged.contact_email
left join events
    on pivoted.account_id = events.account_id
    and pivoted.campaign_key = events.campaign_key
    and pivoted.contact_email = events.contact_email
