-- Written by `python -m scripts.dbt` from schemas/campaign_ab_variants.json.
{{ zoho_stage(
    'campaign_ab_variants',
    keys=['campaign_key', 'variant'],
    columns=[
        ('campaign_key', 'text'),
        ('variant', 'text'),
        ('updated_time', 'time'),
        ('child_campaign_key', 'text'),
        ('open_count', 'integer'),
        ('click_count', 'integer'),
        ('snapshot_time', 'time'),
        ('custom_fields', 'json'),
    ],
    part=['campaign_key'],
) }}
