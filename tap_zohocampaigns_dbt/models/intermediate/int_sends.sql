-- All sendings that are known, and of which actions the rows are there. An action that was
-- not read has no rows either, so its figures are unknown and not 0.
with children as (
    select account_id, campaign_key, parent_campaign_key
    from {{ ref('stg_campaign_recipients') }}
    where parent_campaign_key is not null
    union distinct
    select account_id, campaign_key, parent_campaign_key
    from {{ ref('stg_campaign_reports') }}
    where parent_campaign_key is not null
    union distinct
    select account_id, child_campaign_key, campaign_key
    from {{ ref('stg_campaign_ab_variants') }}
    where child_campaign_key is not null and is_current
),

parents as (
    select account_id, campaign_key, max(parent_campaign_key) as parent_campaign_key
    from children
    group by account_id, campaign_key
),

loaded as (
    select account_id, campaign_key, action, count(*) as row_count
    from {{ ref('stg_campaign_recipients') }}
    where is_current
    group by account_id, campaign_key, action
),

parts as (
    select
        snapshots.account_id,
        snapshots.campaign_key,
        snapshots.action,
        coalesce(loaded.row_count, 0) > 0 or coalesce(snapshots.rows_read, 1) = 0 as is_loaded
    from {{ ref('stg_snapshots') }} as snapshots
    left join loaded
        on snapshots.account_id = loaded.account_id
        and snapshots.campaign_key = loaded.campaign_key
        and snapshots.action = loaded.action
    where snapshots.stream = 'campaign_recipients' and not coalesce(snapshots.deleted, false)
),

known as (
    select account_id, campaign_key from parts
    union distinct
    select account_id, campaign_key from {{ ref('stg_campaign_reports') }}
    union distinct
    select account_id, campaign_key from parents
),

actions as (
    select
        account_id,
        campaign_key
        {%- for action in zoho_actions() %},
        max(case when action = '{{ action }}' and is_loaded then 1 else 0 end) = 1
            as has_{{ action }}
        {%- endfor %}
    from parts
    group by account_id, campaign_key
)

select
    known.account_id,
    known.campaign_key,
    coalesce(parents.parent_campaign_key, known.campaign_key) as main_campaign_key,
    parents.parent_campaign_key is not null as is_test_send,
    actions.campaign_key is not null as has_recipients
    {%- for action in zoho_actions() %},
    coalesce(actions.has_{{ action }}, false) as has_{{ action }}
    {%- endfor %}
from known
left join parents
    on known.account_id = parents.account_id and known.campaign_key = parents.campaign_key
left join actions
    on known.account_id = actions.account_id and known.campaign_key = actions.campaign_key
