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

reached as (
    select
        known.account_id,
        known.campaign_key,
        case when known.has_sentcontacts then coalesce(sends.sent, 0) end as sent,
        case
            when known.has_sentcontacts and known.has_senthardbounce and known.has_sentsoftbounce
                then coalesce(sends.delivered, 0)
        end as delivered
    from {{ ref('int_sends') }} as known
    left join sends
        on known.account_id = sends.account_id and known.campaign_key = sends.campaign_key
),

variants as (
    select
        variants.account_id,
        variants.campaign_key,
        variants.variant,
        variants.child_campaign_key,
        reached.sent as test_sent,
        reached.delivered as test_delivered,
        variants.open_count as test_opens,
        variants.click_count as test_clicks,
        {{ zoho_rate('variants.open_count', 'reached.delivered') }} as test_open_rate,
        {{ zoho_rate('variants.click_count', 'reached.delivered') }} as test_click_rate
    from {{ ref('stg_campaign_ab_variants') }} as variants
    left join reached
        on variants.account_id = reached.account_id
        and variants.child_campaign_key = reached.campaign_key
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
        ) as place,
        count(*) over (partition by account_id, campaign_key) as variant_count,
        count(test_open_rate) over (partition by account_id, campaign_key) as rate_count
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
    -- Equal variants have no winner; nor has one alone, or one beside an unknown rate.
    case
        when variant_count >= 2 and rate_count = variant_count
            then place = 1
            and count(*) over (partition by account_id, campaign_key, place) = 1
    end as is_winner
from ranked
