with sends as (
    select
        account_id,
        campaign_key,
        count(case when is_sent then 1 end) as sent,
        count(case when is_delivered then 1 end) as delivered
    from {{ ref('recipients') }}
    where is_test_send
    group by account_id, campaign_key
),

variants as (
    select
        variants.account_id,
        variants.campaign_key,
        variants.variant,
        variants.child_campaign_key,
        sends.sent as test_sent,
        sends.delivered as test_delivered,
        variants.open_count as test_opens,
        variants.click_count as test_clicks,
        {{ zoho_rate('variants.open_count', 'sends.delivered') }} as test_open_rate,
        {{ zoho_rate('variants.click_count', 'sends.delivered') }} as test_click_rate
    from {{ ref('stg_campaign_ab_variants') }} as variants
    left join sends
        on variants.account_id = sends.account_id
        and variants.child_campaign_key = sends.campaign_key
    where variants.is_current
),

ranked as (
    select
        *,
        rank() over (
            partition by account_id, campaign_key
            order by
                coalesce(test_open_rate, 0) desc,
                coalesce(test_opens, 0) desc,
                coalesce(test_clicks, 0) desc
        ) as place
    from variants
)

select
    account_id,
    campaign_key,
    variant,
    child_campaign_key,
    test_sent,
    test_delivered,
    test_opens,
    test_clicks,
    test_open_rate,
    test_click_rate,
    -- Equal variants have no winner.
    place = 1 and count(*) over (partition by account_id, campaign_key, place) = 1 as is_winner
from ranked
