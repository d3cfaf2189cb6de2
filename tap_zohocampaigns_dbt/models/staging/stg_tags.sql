-- Written by `python -m scripts.dbt` from schemas/tags.json.
{{ zoho_stage(
    'tags',
    keys=['tag_id'],
    columns=[
        ('tag_id', 'text'),
        ('tag_name', 'text'),
        ('description', 'text'),
        ('color', 'text'),
        ('owner', 'text'),
        ('owner_zuid', 'text'),
        ('contact_count', 'integer'),
        ('is_crm_tag', 'boolean'),
        ('created_time', 'time'),
        ('updated_time', 'time'),
        ('custom_fields', 'json'),
    ],
) }}
