-- What tells whether anything of a sending has changed since its recipients were built.
with actions as (
    select
        account_id,
        campaign_key,
        count(*) as row_count,
        max(snapshot_time) as snapshot_time
    from {{ ref('stg_campaign_recipients') }}
    group by account_id, campaign_key
),

events as (
    select
        account_id,
        campaign_key,
        count(*) as row_count,
        max(snapshot_time) as snapshot_time
    from {{ ref('stg_recipient_events') }}
    group by account_id, campaign_key
),

parts as (
    select
        account_id,
        campaign_key,
        -- An action that is read for the first time may have no rows.
        count(*) + coalesce(sum(rows_read), 0) as row_count,
        max(snapshot_time) as snapshot_time
    from {{ ref('stg_snapshots') }}
    where stream in ('campaign_recipients', 'recipient_events')
    group by account_id, campaign_key
)

select
    actions.account_id,
    actions.campaign_key,
    {%- for name in ['actions', 'events', 'parts'] %}
    coalesce(cast({{ name }}.row_count as {{ zoho_type('text') }}), '-') || ' '
    || coalesce(cast({{ name }}.snapshot_time as {{ zoho_type('text') }}), '-')
    {{- " || ' ' ||" if not loop.last }}
    {%- endfor %} as source_version
from actions
left join events
    on actions.account_id = events.account_id and actions.campaign_key = events.campaign_key
left join parts
    on actions.account_id = parts.account_id and actions.campaign_key = parts.campaign_key
