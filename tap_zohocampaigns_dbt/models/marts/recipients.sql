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

pivoted as (
    select
        actions.account_id,
        actions.campaign_key,
        lower(actions.contact_email) as contact_email,
        changed.source_version,
        max(actions.parent_campaign_key) as parent_campaign_key,
        max(actions.contact_id) as contact_id,
        max(actions.first_name) as first_name,
        max(actions.last_name) as last_name,
        max(actions.company_name) as company_name,
        max(case when actions.action <> 'unsentcontacts' then actions.sent_time end) as sent_time,
        -- Whoever did anything with the mail was sent it.
        max(case when actions.action <> 'unsentcontacts' then 1 else 0 end) = 1 as is_sent,
        {%- for flag, action in flags.items() %}
        max(case when actions.action = '{{ action }}' then 1 else 0 end) = 1 as {{ flag }},
        {%- endfor %}
        max(actions.bounced_time) as bounced_time,
        max(actions.opted_out_time) as opted_out_time
    from {{ ref('stg_campaign_recipients') }} as actions
    inner join changed
        on actions.account_id = changed.account_id
        and actions.campaign_key = changed.campaign_key
    where actions.is_current
    group by
        actions.account_id,
        actions.campaign_key,
        lower(actions.contact_email),
        changed.source_version
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
)

select
    pivoted.account_id,
    pivoted.campaign_key,
    pivoted.contact_email,
    coalesce(pivoted.parent_campaign_key, pivoted.campaign_key) as main_campaign_key,
    pivoted.parent_campaign_key is not null as is_test_send,
    pivoted.contact_id,
    pivoted.first_name,
    pivoted.last_name,
    pivoted.company_name,
    {{ zoho_domain('pivoted.contact_email') }} as email_domain,
    pivoted.sent_time,
    pivoted.is_sent,
    pivoted.is_sent and not pivoted.is_hard_bounce and not pivoted.is_soft_bounce as is_delivered,
    {%- for flag in flags %}
    pivoted.{{ flag }},
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
left join events
    on pivoted.account_id = events.account_id
    and pivoted.campaign_key = events.campaign_key
    and pivoted.contact_email = events.contact_email
