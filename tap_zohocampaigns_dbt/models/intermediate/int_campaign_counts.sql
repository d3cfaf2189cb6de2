-- The numbers of each campaign with its test sends: from rows if an action was read, else
-- from Zoho's last report. A number is null if it is not known of each sending.
{%- set counts = {
    'sent': ('sentcontacts', 'is_sent', 'sent_count'),
    'unique_opens': ('openedcontacts', 'is_opened', 'unique_open_count'),
    'unique_clicks': ('clickedcontacts', 'is_clicked', 'unique_click_count'),
    'unsubscribes': ('optoutcontacts', 'is_unsubscribed', 'unsubscribe_count'),
    'complaints': ('spamcontacts', 'is_complaint', 'complaint_count'),
    'hard_bounces': ('senthardbounce', 'is_hard_bounce', 'hard_bounce_count'),
    'soft_bounces': ('sentsoftbounce', 'is_soft_bounce', 'soft_bounce_count'),
    'unsent': ('unsentcontacts', 'is_unsent', 'unsent_count'),
} %}

with counted as (
    select
        account_id,
        main_campaign_key
        {%- for name, (action, flag, counter) in counts.items() %},
        count(distinct case when {{ flag }} then contact_email end) as {{ name }}
        {%- endfor %}
    from {{ ref('recipients') }}
    group by account_id, main_campaign_key
),

last_reports as (
    select
        *,
        -- It counts contacts, and not events, if the others did not open.
        case when open_count + unopened_count = delivered_count then open_count end
            as unique_open_count,
        row_number() over (
            partition by account_id, campaign_key order by reported_on desc
        ) as place
    from {{ ref('stg_campaign_reports') }}
),

sends as (
    select
        sends.account_id,
        sends.main_campaign_key,
        sum(case when sends.is_test_send then 1 else 0 end) as test_sends
        {%- for name, (action, flag, counter) in counts.items() %},
        min(case when sends.has_{{ action }} then 1 else 0 end) = 1 as has_{{ name }},
        case
            when count(*) = count(reports.{{ counter }})
                then cast(sum(reports.{{ counter }}) as {{ zoho_type('integer') }})
        end as {{ name }}
        {%- endfor %}
    from {{ ref('int_sends') }} as sends
    left join last_reports as reports
        on sends.account_id = reports.account_id
        and sends.campaign_key = reports.campaign_key
        and reports.place = 1
    group by sends.account_id, sends.main_campaign_key
)

select
    campaigns.account_id,
    campaigns.campaign_key,
    -- An A/B campaign has two test sends. API version 1 does not name them.
    coalesce(sends.test_sends, 0) >= 2 or not {{ zoho_is_ab('campaigns.campaign_type') }}
        as has_all_sends
    {%- for name in counts %},
    case
        when coalesce(sends.test_sends, 0) < 2 and {{ zoho_is_ab('campaigns.campaign_type') }}
            then null
        when sends.has_{{ name }} then coalesce(counted.{{ name }}, 0)
        else sends.{{ name }}
    end as {{ name }}
    {%- endfor %}
from {{ ref('stg_campaigns') }} as campaigns
left join counted
    on campaigns.account_id = counted.account_id
    and campaigns.campaign_key = counted.main_campaign_key
left join sends
    on campaigns.account_id = sends.account_id
    and campaigns.campaign_key = sends.main_campaign_key
