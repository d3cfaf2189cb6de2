with coverage as (
    {{ zoho_coverage() }}
),

counted as (
    select
        account_id,
        email_domain,
        count(distinct contact_email) as contacts,
        sum(case when is_sent then 1 else 0 end) as sent,
        sum(case when is_delivered then 1 else 0 end) as delivered,
        sum(case when is_hard_bounce then 1 else 0 end) as hard_bounces,
        sum(case when is_soft_bounce then 1 else 0 end) as soft_bounces,
        sum(case when is_hard_bounce or is_soft_bounce then 1 else 0 end) as bounces,
        sum(case when is_complaint then 1 else 0 end) as complaints,
        sum(case when is_opened then 1 else 0 end) as opened,
        sum(case when is_unsent then 1 else 0 end) as unsent,
        max(bounced_time) as last_bounced_time
    from {{ ref('recipients') }}
    group by account_id, email_domain
),

known as (
    select
        counted.account_id,
        counted.email_domain,
        {%- for name, actions in {
            'contacts': ['sentcontacts', 'unsentcontacts'],
            'sent': ['sentcontacts'],
            'delivered': ['sentcontacts', 'senthardbounce', 'sentsoftbounce'],
            'hard_bounces': ['senthardbounce'],
            'soft_bounces': ['sentsoftbounce'],
            'bounces': ['senthardbounce', 'sentsoftbounce'],
            'complaints': ['spamcontacts'],
            'opened': ['openedcontacts'],
            'unsent': ['unsentcontacts'],
        }.items() %}
        {{ zoho_count('counted.' ~ name, actions) }} as {{ name }},
        {%- endfor %}
        counted.last_bounced_time
    from counted
    left join coverage
        on counted.account_id = coverage.account_id
)

select
    account_id,
    email_domain,
    contacts,
    sent,
    delivered,
    hard_bounces,
    soft_bounces,
    bounces,
    complaints,
    opened as opens,
    unsent,
    {{ zoho_rate('hard_bounces', 'sent') }} as hard_bounce_rate,
    {{ zoho_rate('bounces', 'sent') }} as bounce_rate,
    {{ zoho_rate('complaints', 'delivered') }} as complaint_rate,
    {{ zoho_rate('opened', 'delivered') }} as open_rate,
    last_bounced_time
from known
