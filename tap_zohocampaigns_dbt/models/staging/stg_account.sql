-- Written by `python -m scripts.dbt` from schemas/account.json.
{{ zoho_stage(
    'account',
    keys=['account_id'],
    columns=[
        ('data_center', 'text'),
        ('time_zone', 'text'),
        ('api_version', 'text'),
        ('scopes', 'json'),
    ],
) }}
