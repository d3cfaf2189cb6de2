with clock as (
    select account_id, max(snapshot_time) as read_time
    from {{ ref('stg_snapshots') }}
    group by account_id
),

sends as (
    select
        account_id,
        contact_email,
        max(contact_id) as contact_id,
        max(first_name) as first_name,
        max(last_name) as last_name,
        max(company_name) as company_name,
        sum(case when is_sent then 1 else 0 end) as sent,
        sum(case when is_delivered then 1 else 0 end) as delivered,
        sum(case when is_opened then 1 else 0 end) as opened,
        sum(case when is_clicked then 1 else 0 end) as clicked,
        sum(case when is_hard_bounce then 1 else 0 end) as hard_bounces,
        sum(case when is_soft_bounce then 1 else 0 end) as soft_bounces,
        sum(case when is_unsubscribed then 1 else 0 end) as unsubscribes,
        sum(case when is_complaint then 1 else 0 end) as complaints,
        min(sent_time) as first_sent_time,
        max(sent_time) as last_sent_time,
        max(case when is_opened or is_clicked then coalesce(last_open_time, sent_time) end)
            as last_open_time
    from {{ ref('recipients') }}
    group by account_id, contact_email
),

lists as (
    select
        account_id,
        lower(contact_email) as contact_email,
        max(first_name) as first_name,
        max(last_name) as last_name,
        max(company_name) as company_name,
        count(distinct list_key) as lists,
        count(distinct case when status = 'active' then list_key end) as active_lists,
        max(case when status = 'unsub' then 1 else 0 end) as has_unsubscribed,
        max(case when status = 'bounce' then 1 else 0 end) as has_bounced,
        min(added_time) as added_time
    from {{ ref('stg_list_subscribers') }}
    where is_current
    group by account_id, lower(contact_email)
),

segments as (
    select
        account_id,
        contact_email,
        max(first_name) as first_name,
        max(last_name) as last_name,
        max(company_name) as company_name,
        count(*) as segments,
        min(added_time) as added_time
    from {{ ref('segment_membership') }}
    group by account_id, contact_email
),

everybody as (
    select account_id, contact_email from sends
    union distinct
    select account_id, contact_email from lists
    union distinct
    select account_id, contact_email from segments
),

joined as (
    select
        everybody.account_id,
        everybody.contact_email,
        sends.contact_id,
        coalesce(lists.first_name, segments.first_name, sends.first_name) as first_name,
        coalesce(lists.last_name, segments.last_name, sends.last_name) as last_name,
        coalesce(lists.company_name, segments.company_name, sends.company_name) as company_name,
        coalesce(lists.added_time, segments.added_time) as added_time,
        lists.lists,
        lists.active_lists,
        coalesce(segments.segments, 0) as segments,
        {%- for name in [
            'sent', 'delivered', 'opened', 'clicked', 'hard_bounces', 'soft_bounces',
            'unsubscribes', 'complaints',
        ] %}
        coalesce(cast(sends.{{ name }} as {{ zoho_type('integer') }}), 0) as {{ name }},
        {%- endfor %}
        sends.first_sent_time,
        sends.last_sent_time,
        sends.last_open_time,
        clock.read_time,
        -- Lists know what holds now. Campaigns know what happened once.
        case
            when sends.complaints > 0 then 'complained'
            when lists.active_lists > 0 then 'active'
            when lists.has_bounced = 1 then 'bounced'
            when lists.has_unsubscribed = 1 then 'unsubscribed'
            when sends.unsubscribes > 0 then 'unsubscribed'
            when sends.hard_bounces > 0 then 'bounced'
            else 'active'
        end as status
    from everybody
    left join sends
        on everybody.account_id = sends.account_id
        and everybody.contact_email = sends.contact_email
    left join lists
        on everybody.account_id = lists.account_id
        and everybody.contact_email = lists.contact_email
    left join segments
        on everybody.account_id = segments.account_id
        and everybody.contact_email = segments.contact_email
    left join clock
        on everybody.account_id = clock.account_id
),

aged as (
    select
        *,
        {{ zoho_days_between('last_open_time', 'read_time') }} as days_since_open,
        {{ zoho_days_between('last_sent_time', 'read_time') }} as days_since_sent
    from joined
)

select
    aged.*,
    {{ zoho_domain('contact_email') }} as email_domain,
    {{ zoho_rate('opened', 'delivered') }} as open_rate,
    {{ zoho_rate('clicked', 'delivered') }} as click_rate,
    case
        when delivered = 0 then 'not reached'
        when last_open_time is null then 'never opened'
        when days_since_open <= {{ var('zohocampaigns_lapsing_days') }} then 'engaged'
        when days_since_open <= {{ var('zohocampaigns_dormant_days') }} then 'lapsing'
        else 'dormant'
    end as engagement
from aged
