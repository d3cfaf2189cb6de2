-- Written by `python -m scripts.dbt` from schemas/list_subscribers.json.
{{ zoho_stage(
    'list_subscribers',
    keys=['list_key', 'status', 'contact_email'],
    columns=[
        ('list_key', 'text'),
        ('status', 'text'),
        ('contact_email', 'text'),
        ('first_name', 'text'),
        ('last_name', 'text'),
        ('company_name', 'text'),
        ('phone', 'text'),
        ('added_time', 'time'),
        ('owner_zuid', 'text'),
        ('snapshot_time', 'time'),
        ('custom_fields', 'json'),
    ],
    part=['list_key', 'status'],
) }}
