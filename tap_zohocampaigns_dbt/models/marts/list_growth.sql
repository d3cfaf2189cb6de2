with days as (
    select
        account_id,
        list_key,
        counted_on,
        {%- for name, status in [
            ('active', 'active'), ('unsubscribed', 'unsub'), ('bounced', 'bounce'), ('complained', 'spam'),
        ] %}
        max(case when status = '{{ status }}' then contact_count end) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_list_subscriber_counts') }}
    group by account_id, list_key, counted_on
),

changes as (
    select
        *,
        lag(counted_on) over (partition by account_id, list_key order by counted_on)
            as previous_counted_on,
        active - lag(active) over (partition by account_id, list_key order by counted_on)
            as net,
        {%- for name in ['unsubscribed', 'bounced', 'complained'] %}
        {{ name }} - lag({{ name }}) over (partition by account_id, list_key order by counted_on)
            as new_{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from days
),

-- A count that falls says that contacts were deleted, or came back; not that nobody left.
moves as (
    select
        *,
        {%- for name in ['unsubscribed', 'bounced', 'complained'] %}
        case when new_{{ name }} > 0 then new_{{ name }} else 0 end
        {{- ' +' if not loop.last }}
        {%- endfor %} as moved
    from changes
),

added as (
    select
        account_id,
        list_key,
        cast(added_time as date) as added_on,
        count(*) as contact_count
    from {{ ref('stg_list_subscribers') }}
    where is_current and added_time is not null
    group by account_id, list_key, cast(added_time as date)
),

lists_with_contacts as (
    select distinct account_id, list_key
    from {{ ref('stg_snapshots') }}
    where stream = 'list_subscribers' and not coalesce(deleted, false)
)

select
    moves.account_id,
    moves.list_key,
    moves.counted_on,
    lists.list_name,
    moves.active,
    moves.unsubscribed,
    moves.bounced,
    moves.complained,
    {{ zoho_days_between('moves.previous_counted_on', 'moves.counted_on') }} as days_since_last_count,
    moves.net,
    case when moves.net is not null then
        case when moves.net + moves.moved > 0 then moves.net + moves.moved else 0 end
    end as joined,
    case when moves.net is not null then
        case when moves.net + moves.moved > 0 then moves.moved else -moves.net end
    end as left_list,
    case when lists_with_contacts.list_key is not null then coalesce(added.contact_count, 0) end
        as contacts_added
from moves
left join {{ ref('stg_mailing_lists') }} as lists
    on moves.account_id = lists.account_id and moves.list_key = lists.list_key
left join added
    on moves.account_id = added.account_id
    and moves.list_key = added.list_key
    and moves.counted_on = added.added_on
left join lists_with_contacts
    on moves.account_id = lists_with_contacts.account_id
    and moves.list_key = lists_with_contacts.list_key
