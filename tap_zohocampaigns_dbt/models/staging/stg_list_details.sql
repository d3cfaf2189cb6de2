-- Written by `python -m scripts.dbt` from schemas/list_details.json.
{{ zoho_stage(
    'list_details',
    keys=['list_key'],
    columns=[
        ('list_key', 'text'),
        ('list_name', 'text'),
        ('is_public', 'boolean'),
        ('contact_count', 'integer'),
        ('active_count', 'integer'),
        ('unsubscribed_count', 'integer'),
        ('bounced_count', 'integer'),
        ('sent_campaign_count', 'integer'),
        ('scheduled_campaign_count', 'integer'),
        ('places', 'json'),
        ('custom_fields', 'json'),
    ],
) }}
