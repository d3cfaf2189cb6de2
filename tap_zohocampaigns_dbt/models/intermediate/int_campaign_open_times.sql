-- Days until half, and nine tenths, of the opens that are known now: from each contact's
-- first open if those were read, else from the daily reports.
with opens as (
    select
        account_id,
        main_campaign_key,
        first_open_time,
        row_number() over (
            partition by account_id, main_campaign_key order by first_open_time
        ) as place,
        count(*) over (partition by account_id, main_campaign_key) as open_count
    from {{ ref('recipients') }}
    where first_open_time is not null
),

sends as (
    select
        sends.account_id,
        sends.main_campaign_key,
        -- The first mail is known only if all mails are.
        case
            when min(case when sends.has_sentcontacts then 1 else 0 end) = 1
                then min(recipients.sent_time)
        end as sent_time,
        max(case when sends.is_test_send then 1 else 0 end) = 1 as has_test_sends
    from {{ ref('int_sends') }} as sends
    left join {{ ref('recipients') }} as recipients
        on sends.account_id = recipients.account_id
        and sends.campaign_key = recipients.campaign_key
    group by sends.account_id, sends.main_campaign_key
),

by_events as (
    select
        account_id,
        main_campaign_key,
        min(case when place >= 0.5 * open_count then first_open_time end) as half_time,
        min(case when place >= 0.9 * open_count then first_open_time end) as most_time
    from opens
    group by account_id, main_campaign_key
),

reports as (
    select
        account_id,
        campaign_key,
        reported_on,
        days_since_sent,
        open_count,
        lag(open_count) over (partition by account_id, campaign_key order by reported_on)
            as previous_open_count,
        max(open_count) over (partition by account_id, campaign_key) as most_open_count
    from {{ ref('campaign_daily') }}
    where not is_test_send
),

-- A first report that comes days after the sending does not tell when opens came.
by_reports as (
    select
        account_id,
        campaign_key,
        {%- for name, share in [('half', 0.5), ('most', 0.9)] %}
        min(
            case
                when open_count >= {{ share }} * most_open_count
                    and (
                        days_since_sent <= 1
                        or coalesce(previous_open_count, most_open_count)
                        < {{ share }} * most_open_count
                    )
                    then days_since_sent
            end
        ) as {{ name }}_days{{ ',' if not loop.last }}
        {%- endfor %}
    from reports
    where most_open_count > 0
    group by account_id, campaign_key
)

select
    sends.account_id,
    sends.main_campaign_key as campaign_key,
    {%- for name in ['half', 'most'] %}
    cast(
        case
            when by_events.half_time is not null and sends.sent_time is not null
                then round(
                    cast(
                        {{ zoho_seconds_between('sends.sent_time', 'by_events.' ~ name ~ '_time') }}
                        as numeric
                    ) / 86400, 2
                )
            when not sends.has_test_sends then by_reports.{{ name }}_days
        end as {{ zoho_type('number') }}
    ) as {{ name }}_days,
    {%- endfor %}
    case
        when by_events.half_time is not null and sends.sent_time is not null then 'events'
        when sends.has_test_sends then null
        when by_reports.half_days is not null or by_reports.most_days is not null then 'reports'
    end as timed_by
from sends
inner join {{ ref('int_campaign_counts') }} as counts
    on sends.account_id = counts.account_id
    and sends.main_campaign_key = counts.campaign_key
    and counts.has_all_sends
left join by_events
    on sends.account_id = by_events.account_id
    and sends.main_campaign_key = by_events.main_campaign_key
left join by_reports
    on sends.account_id = by_reports.account_id
    and sends.main_campaign_key = by_reports.campaign_key
