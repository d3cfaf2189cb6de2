{%- set counters = [
    'sent_count', 'delivered_count', 'open_count', 'unique_click_count', 'unsubscribe_count',
    'complaint_count', 'hard_bounce_count', 'soft_bounce_count', 'unopened_count', 'unsent_count',
] %}

with reports as (
    select
        *,
        lag(reported_on) over (
            partition by account_id, campaign_key order by reported_on
        ) as previous_reported_on
        {%- for counter in counters %},
        lag({{ counter }}) over (
            partition by account_id, campaign_key order by reported_on
        ) as previous_{{ counter }}
        {%- endfor %}
    from {{ ref('stg_campaign_reports') }}
)

select
    reports.account_id,
    reports.campaign_key,
    reports.reported_on,
    coalesce(reports.parent_campaign_key, reports.campaign_key) as main_campaign_key,
    reports.parent_campaign_key is not null as is_test_send,
    coalesce(reports.campaign_name, campaigns.campaign_name) as campaign_name,
    {{ zoho_days_between('campaigns.sent_time', 'reports.reported_on') }} as days_since_sent,
    {{ zoho_days_between('reports.previous_reported_on', 'reports.reported_on') }}
        as days_since_last_report
    {%- for counter in counters %},
    reports.{{ counter }},
    -- Of the first report, all is new.
    reports.{{ counter }} - coalesce(reports.previous_{{ counter }}, 0) as new_{{ counter }}
    {%- endfor %}
from reports
left join {{ ref('stg_campaigns') }} as campaigns
    on reports.account_id = campaigns.account_id
    and coalesce(reports.parent_campaign_key, reports.campaign_key) = campaigns.campaign_key
