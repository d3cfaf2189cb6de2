-- Written by `python -m scripts.dbt` from schemas/recipient_events.json.
{{ zoho_stage(
    'recipient_events',
    keys=['campaign_key', 'action', 'contact_email', 'event_time'],
    columns=[
        ('campaign_key', 'text'),
        ('action', 'text'),
        ('contact_email', 'text'),
        ('event_time', 'time'),
        ('parent_campaign_key', 'text'),
        ('contact_id', 'text'),
        ('event_count', 'integer'),
        ('snapshot_time', 'time'),
    ],
    part=['campaign_key', 'action'],
) }}
