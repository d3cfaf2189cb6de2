-- Written by `python -m scripts.dbt` from schemas/products.json.
{{ zoho_stage(
    'products',
    keys=['product_id'],
    columns=[
        ('product_id', 'text'),
        ('product_name', 'text'),
        ('custom_fields', 'json'),
    ],
) }}
