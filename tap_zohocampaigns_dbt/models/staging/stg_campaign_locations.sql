-- Written by `python -m scripts.dbt` from schemas/campaign_locations.json.
{{ zoho_stage(
    'campaign_locations',
    keys=['campaign_key', 'reported_on', 'country'],
    columns=[
        ('campaign_key', 'text'),
        ('reported_on', 'date'),
        ('country', 'text'),
        ('parent_campaign_key', 'text'),
        ('reached', 'integer'),
        ('snapshot_time', 'time'),
        ('custom_fields', 'json'),
    ],
    part=['campaign_key', 'reported_on'],
) }}
