with clock as (
    select account_id, max(snapshot_time) as read_time
    from {{ ref('stg_snapshots') }}
    group by account_id
),

-- Whether the rows of an action, or of a stream, are there at all.
coverage as (
    {{ zoho_coverage() }}
),

streams as (
    select
        account_id,
        max(case when stream = 'list_subscribers' then 1 else 0 end) = 1 as has_lists,
        max(case when stream = 'segment_contacts' then 1 else 0 end) = 1 as has_segments
    from {{ ref('stg_snapshots') }}
    group by account_id
),

-- Names change: the last mail has the last name.
ranked_sends as (
    select
        *,
        row_number() over (
            partition by account_id, contact_email
            order by coalesce(sent_time, timestamp '1970-01-01 00:00:00') desc, campaign_key
        ) as place
    from {{ ref('recipients') }}
),

sends as (
    select
        account_id,
        contact_email,
        {%- for name in ['contact_id', 'first_name', 'last_name', 'company_name'] %}
        max(case when place = 1 then {{ name }} end) as {{ name }},
        {%- endfor %}
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
    from ranked_sends
    group by account_id, contact_email
),

ranked_lists as (
    select
        *,
        row_number() over (
            partition by account_id, lower(contact_email)
            order by snapshot_time desc, list_key, status
        ) as place
    from {{ ref('stg_list_subscribers') }}
    where is_current
),

lists as (
    select
        account_id,
        lower(contact_email) as contact_email,
        {%- for name in ['first_name', 'last_name', 'company_name'] %}
        max(case when place = 1 then {{ name }} end) as {{ name }},
        {%- endfor %}
        count(distinct list_key) as lists,
        count(distinct case when status = 'active' then list_key end) as active_lists,
        max(case when status = 'unsub' then 1 else 0 end) as has_unsubscribed,
        max(case when status = 'bounce' then 1 else 0 end) as has_bounced,
        min(added_time) as added_time
    from ranked_lists
    group by account_id, lower(contact_email)
),

ranked_segments as (
    select
        *,
        row_number() over (
            partition by account_id, contact_email order by snapshot_time desc, cvid
        ) as place
    from {{ ref('segment_membership') }}
),

segments as (
    select
        account_id,
        contact_email,
        {%- for name in ['first_name', 'last_name', 'company_name'] %}
        max(case when place = 1 then {{ name }} end) as {{ name }},
        {%- endfor %}
        count(*) as segments,
        min(added_time) as added_time
    from ranked_segments
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
        -- All from one place: a name that was deleted there must not come from an old mail.
        {%- for name in ['first_name', 'last_name', 'company_name'] %}
        case
            when coalesce(lists.first_name, lists.last_name, lists.company_name) is not null
                then lists.{{ name }}
            when coalesce(segments.first_name, segments.last_name, segments.company_name)
                is not null
                then segments.{{ name }}
            else sends.{{ name }}
        end as {{ name }},
        {%- endfor %}
        coalesce(lists.added_time, segments.added_time) as added_time,
        case when streams.has_lists then coalesce(lists.lists, 0) end as lists,
        case when streams.has_lists then coalesce(lists.active_lists, 0) end as active_lists,
        case when streams.has_segments then coalesce(segments.segments, 0) end as segments,
        {%- for name, actions in zoho_counted_actions().items() %}
        {{ zoho_count('sends.' ~ name, actions) }} as {{ name }},
        {%- endfor %}
        case when coverage.has_sentcontacts then sends.first_sent_time end as first_sent_time,
        case when coverage.has_sentcontacts then sends.last_sent_time end as last_sent_time,
        case when coverage.has_openedcontacts then sends.last_open_time end as last_open_time,
        clock.read_time,
        -- Lists know what holds now. Campaigns know what happened once.
        case
            when sends.complaints > 0 then 'complained'
            when lists.active_lists > 0 then 'active'
            when lists.has_bounced = 1 then 'bounced'
            when lists.has_unsubscribed = 1 then 'unsubscribed'
            when sends.unsubscribes > 0 then 'unsubscribed'
            when sends.hard_bounces > 0 then 'bounced'
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
    left join coverage
        on everybody.account_id = coverage.account_id
    left join streams
        on everybody.account_id = streams.account_id
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
        when delivered is null or opened is null then null
        when delivered = 0 then 'not reached'
        when last_open_time is null then 'never opened'
        when days_since_open <= {{ var('zohocampaigns_lapsing_days') }} then 'engaged'
        when days_since_open <= {{ var('zohocampaigns_dormant_days') }} then 'lapsing'
        else 'dormant'
    end as engagement
from aged
