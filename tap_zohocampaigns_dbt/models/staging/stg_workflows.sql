-- Written by `python -m scripts.dbt` from schemas/workflows.json.
{{ zoho_stage(
    'workflows',
    keys=['workflow_key'],
    columns=[
        ('workflow_key', 'text'),
        ('workflow_name', 'text'),
        ('trigger_key', 'text'),
        ('created_time', 'time'),
        ('custom_fields', 'json'),
    ],
) }}
