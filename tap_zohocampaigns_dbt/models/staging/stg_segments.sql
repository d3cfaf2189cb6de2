-- Written by `python -m scripts.dbt` from schemas/segments.json.
{{ zoho_stage(
    'segments',
    keys=['cvid'],
    columns=[
        ('cvid', 'text'),
        ('list_key', 'text'),
        ('segment_name', 'text'),
        ('criteria', 'json'),
        ('custom_fields', 'json'),
    ],
) }}
