-- The numbers of each campaign with its test sends: from rows if an action was read, else
-- from Zoho's last report.
{%- set counts = {
    'sent': ('sentcontacts', 'is_sent', 'sent_count'),
    'unique_opens': ('openedcontacts', 'is_opened', 'open_count'),
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

actions_read as (
    select
        account_id,
        campaign_key
        {%- for name, (action, flag, counter) in counts.items() %},
        max(case when action = '{{ action }}' then 1 else 0 end) as {{ name }}
        {%- endfor %}
    from {{ ref('stg_snapshots') }}
    where stream = 'campaign_recipients' and not coalesce(deleted, false)
    group by account_id, campaign_key
),

last_reports as (
    select
        *,
        row_number() over (
            partition by account_id, campaign_key order by reported_on desc
        ) as place
    from {{ ref('campaign_daily') }}
),

reported as (
    select
        account_id,
        main_campaign_key
        {%- for name, (action, flag, counter) in counts.items() %},
        cast(sum({{ counter }}) as {{ zoho_type('integer') }}) as {{ name }}
        {%- endfor %}
    from last_reports
    where place = 1
    group by account_id, main_campaign_key
)

select
    campaigns.account_id,
    campaigns.campaign_key
    {%- for name in counts %},
    case
        when actions_read.{{ name }} = 1 then coalesce(counted.{{ name }}, 0)
        else reported.{{ name }}
    end as {{ name }}
    {%- endfor %}
from {{ ref('stg_campaigns') }} as campaigns
left join counted
    on campaigns.account_id = counted.account_id
    and campaigns.campaign_key = counted.main_campaign_key
left join actions_read
    on campaigns.account_id = actions_read.account_id
    and campaigns.campaign_key = actions_read.campaign_key
left join reported
    on campaigns.account_id = reported.account_id
    and campaigns.campaign_key = reported.main_campaign_key
