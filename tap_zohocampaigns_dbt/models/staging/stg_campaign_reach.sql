-- Written by `python -m scripts.dbt` from schemas/campaign_reach.json.
{{ zoho_stage(
    'campaign_reach',
    keys=['campaign_key', 'reported_on', 'channel'],
    columns=[
        ('campaign_key', 'text'),
        ('reported_on', 'date'),
        ('channel', 'text'),
        ('parent_campaign_key', 'text'),
        ('reached', 'integer'),
        ('snapshot_time', 'time'),
        ('custom_fields', 'json'),
    ],
    part=['campaign_key', 'reported_on'],
) }}
