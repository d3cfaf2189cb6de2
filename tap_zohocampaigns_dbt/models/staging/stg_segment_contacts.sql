-- Written by `python -m scripts.dbt` from schemas/segment_contacts.json.
{{ zoho_stage(
    'segment_contacts',
    keys=['cvid', 'contact_email'],
    columns=[
        ('cvid', 'text'),
        ('contact_email', 'text'),
        ('first_name', 'text'),
        ('last_name', 'text'),
        ('company_name', 'text'),
        ('phone', 'text'),
        ('added_time', 'time'),
        ('snapshot_time', 'time'),
        ('custom_fields', 'json'),
    ],
    part=['cvid'],
) }}
