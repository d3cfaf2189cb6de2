{%- set parts = {
    'segment_contacts': ['cvid'],
    'list_subscribers': ['list_key', 'status'],
    'campaign_recipients': ['campaign_key', 'action'],
    'recipient_events': ['campaign_key', 'action'],
    'campaign_lists': ['campaign_key'],
    'campaign_ab_variants': ['campaign_key'],
    'campaign_reach': ['campaign_key', 'reported_on'],
    'campaign_locations': ['campaign_key', 'reported_on'],
} %}
{%- set names = ['campaign_key', 'action', 'cvid', 'list_key', 'status', 'reported_on'] %}

with loaded as (
    {%- for stream, columns in parts.items() %}
    select
        account_id,
        '{{ stream }}' as stream,
        {%- for name in names %}
        {%- if name in columns %}
        {{ name }},
        {%- else %}
        cast(null as {{ zoho_type('date' if name == 'reported_on' else 'text') }}) as {{ name }},
        {%- endif %}
        {%- endfor %}
        {%- if stream == 'recipient_events' %}
        -- Of events, contacts are counted.
        count(distinct contact_email) as row_count
        {%- else %}
        count(*) as row_count
        {%- endif %}
    from {{ ref('stg_' ~ stream) }}
    where is_current
    group by account_id, {{ columns | join(', ') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

compared as (
    select
        parts.account_id,
        parts.snapshot_id,
        parts.stream,
        {%- for name in names %}
        parts.{{ name }},
        {%- endfor %}
        parts.snapshot_time,
        coalesce(parts.deleted, false) as is_deleted,
        coalesce(loaded.row_count, 0) as rows_loaded,
        parts.rows_read,
        parts.rows_reported,
        parts.rows_without_key,
        -- Zoho's counters of opens and clicks may count events, not people.
        parts.rows_reported is not null
        and parts.stream <> 'recipient_events'
        and coalesce(parts.action, '') not in ('openedcontacts', 'clickedcontacts')
            as is_comparable
    from {{ ref('stg_snapshots') }} as parts
    left join loaded
        on parts.account_id = loaded.account_id
        and parts.stream = loaded.stream
        {%- for name in names if name != 'reported_on' %}
        and coalesce(parts.{{ name }}, '') = coalesce(loaded.{{ name }}, '')
        {%- endfor %}
        and coalesce(parts.reported_on, date '1970-01-01')
        = coalesce(loaded.reported_on, date '1970-01-01')
),

differences as (
    select
        *,
        case when is_deleted then 0 else rows_read - rows_loaded end as missing_in_warehouse,
        case
            when is_comparable and not is_deleted
                then rows_reported - rows_read - coalesce(rows_without_key, 0)
        end as missing_in_read
    from compared
)

select
    *,
    {{ zoho_rate('abs(missing_in_warehouse)', 'rows_read') }} as warehouse_share,
    {{ zoho_rate('abs(missing_in_read)', 'rows_reported') }} as read_share
from differences
