-- Written by `python -m scripts.dbt` from schemas/contact_fields.json.
{{ zoho_stage(
    'contact_fields',
    keys=['field_id'],
    columns=[
        ('field_id', 'text'),
        ('field_name', 'text'),
        ('field_display_name', 'text'),
        ('display_name', 'text'),
        ('block_label', 'text'),
        ('ui_type', 'text'),
        ('field_type', 'text'),
        ('position', 'integer'),
        ('block_position', 'integer'),
        ('max_length', 'integer'),
        ('is_mandatory', 'boolean'),
        ('is_other_user_field', 'boolean'),
        ('custom_fields', 'json'),
    ],
) }}
