-- Written by `python -m scripts.dbt` from schemas/list_subscriber_counts.json.
{{ zoho_stage(
    'list_subscriber_counts',
    keys=['list_key', 'status', 'counted_on'],
    columns=[
        ('list_key', 'text'),
        ('status', 'text'),
        ('counted_on', 'date'),
        ('contact_count', 'integer'),
    ],
) }}
