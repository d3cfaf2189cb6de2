-- Written by `python -m scripts.dbt` from schemas/campaign_lists.json.
{{ zoho_stage(
    'campaign_lists',
    keys=['campaign_key', 'source_id'],
    columns=[
        ('campaign_key', 'text'),
        ('source_id', 'text'),
        ('updated_time', 'time'),
        ('list_key', 'text'),
        ('cvid', 'text'),
        ('list_name', 'text'),
        ('list_status', 'text'),
        ('segment_name', 'text'),
        ('contact_count', 'integer'),
        ('snapshot_time', 'time'),
        ('custom_fields', 'json'),
    ],
    part=['campaign_key'],
) }}
