-- Written by `python -m scripts.dbt` from schemas/topics.json.
{{ zoho_stage(
    'topics',
    keys=['topic_id'],
    columns=[
        ('topic_id', 'text'),
        ('topic_name', 'text'),
        ('description', 'text'),
        ('primary_list_id', 'text'),
        ('custom_fields', 'json'),
    ],
) }}
