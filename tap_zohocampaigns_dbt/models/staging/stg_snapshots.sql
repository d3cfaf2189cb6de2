-- Written by `python -m scripts.dbt` from schemas/snapshots.json.
{{ zoho_stage(
    'snapshots',
    keys=['snapshot_id'],
    columns=[
        ('snapshot_id', 'text'),
        ('stream', 'text'),
        ('campaign_key', 'text'),
        ('action', 'text'),
        ('cvid', 'text'),
        ('list_key', 'text'),
        ('status', 'text'),
        ('reported_on', 'date'),
        ('snapshot_time', 'time'),
        ('rows_read', 'integer'),
        ('rows_reported', 'integer'),
        ('rows_without_key', 'integer'),
        ('deleted', 'boolean'),
    ],
) }}
