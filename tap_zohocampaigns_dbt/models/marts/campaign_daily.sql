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
),

-- Test sends go out before their campaign.
tests as (
    select recipients.account_id, recipients.campaign_key, min(recipients.sent_time) as sent_time
    from {{ ref('recipients') }} as recipients
    inner join {{ ref('int_sends') }} as sends
        on recipients.account_id = sends.account_id
        and recipients.campaign_key = sends.campaign_key
        and sends.has_sentcontacts
    where recipients.is_test_send
    group by recipients.account_id, recipients.campaign_key
)

select
    reports.account_id,
    reports.campaign_key,
    reports.reported_on,
    coalesce(reports.parent_campaign_key, reports.campaign_key) as main_campaign_key,
    reports.parent_campaign_key is not null as is_test_send,
    coalesce(reports.campaign_name, campaigns.campaign_name) as campaign_name,
    {{ zoho_days_between(
        'case when reports.parent_campaign_key is null then campaigns.sent_time else tests.sent_time end',
        'reports.reported_on'
    ) }} as days_since_sent,
    {{ zoho_days_between('reports.previous_reported_on', 'reports.reported_on') }}
        as days_since_last_report
    {%- for counter in counters %},
    reports.{{ counter }},
    -- Of the first report, all is new.
    case
        when reports.previous_reported_on is null then reports.{{ counter }}
        else reports.{{ counter }} - reports.previous_{{ counter }}
    end as new_{{ counter }}
    {%- endfor %}
from reports
left join {{ ref('stg_campaigns') }} as campaigns
    on reports.account_id = campaigns.account_id
    and coalesce(reports.parent_campaign_key, reports.campaign_key) = campaigns.campaign_key
left join tests
    on reports.account_id = tests.account_id and reports.campaign_key = tests.campaign_key
