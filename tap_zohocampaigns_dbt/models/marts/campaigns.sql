with variants as (
    select
        account_id,
        campaign_key,
        count(*) as variant_count,
        max(case when is_winner then variant end) as winner,
        max(case when is_winner then test_open_rate end) as winner_open_rate,
        max(case when not is_winner then test_open_rate end) as next_open_rate
    from {{ ref('campaign_variants') }}
    group by account_id, campaign_key
),

counted as (
    select
        *,
        sent - hard_bounces - soft_bounces as delivered,
        hard_bounces + soft_bounces as bounces
    from {{ ref('int_campaign_counts') }}
)

select
    campaigns.account_id,
    campaigns.campaign_key,
    campaigns.campaign_name,
    campaigns.subject,
    campaigns.from_email,
    campaigns.campaign_status,
    campaigns.campaign_type,
    campaigns.created_time,
    campaigns.sent_time,
    counted.sent,
    counted.delivered,
    counted.unique_opens,
    counted.unique_clicks,
    counted.unsubscribes,
    counted.complaints,
    counted.bounces,
    counted.hard_bounces,
    counted.soft_bounces,
    counted.unsent,
    {{ zoho_rate('counted.delivered', 'counted.sent') }} as delivery_rate,
    {{ zoho_rate('counted.unique_opens', 'counted.delivered') }} as open_rate,
    {{ zoho_rate('counted.unique_clicks', 'counted.delivered') }} as click_rate,
    {{ zoho_rate('counted.unique_clicks', 'counted.unique_opens') }} as click_to_open_rate,
    {{ zoho_rate('counted.unsubscribes', 'counted.delivered') }} as unsubscribe_rate,
    {{ zoho_rate('counted.complaints', 'counted.delivered') }} as complaint_rate,
    {{ zoho_rate('counted.bounces', 'counted.sent') }} as bounce_rate,
    coalesce(variants.variant_count, 0) as ab_variants,
    variants.winner as ab_winner,
    variants.winner_open_rate as ab_winner_open_rate,
    variants.next_open_rate as ab_next_open_rate,
    times.half_days as days_to_50_percent_opens,
    times.most_days as days_to_90_percent_opens,
    times.timed_by as opens_timed_by
from {{ ref('stg_campaigns') }} as campaigns
left join counted
    on campaigns.account_id = counted.account_id
    and campaigns.campaign_key = counted.campaign_key
left join variants
    on campaigns.account_id = variants.account_id
    and campaigns.campaign_key = variants.campaign_key
left join {{ ref('int_campaign_open_times') }} as times
    on campaigns.account_id = times.account_id
    and campaigns.campaign_key = times.campaign_key
