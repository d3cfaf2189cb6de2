{#
    What differs between databases. The variable stands in for the target, so that the SQL
    for Snowflake and BigQuery can be checked without a connection to them.
#}
{% macro zoho_dialect() %}
    {{- return(var('zohocampaigns_dialect', target.type)) -}}
{% endmacro %}

{% macro zoho_type(kind) %}
    {%- set types = {
        'duckdb': {'text': 'varchar', 'integer': 'bigint', 'number': 'double', 'json': 'json'},
        'postgres': {
            'text': 'text', 'integer': 'bigint', 'number': 'double precision', 'json': 'jsonb'
        },
        'snowflake': {'text': 'varchar', 'integer': 'bigint', 'number': 'float', 'json': 'variant'},
        'bigquery': {'text': 'string', 'integer': 'int64', 'number': 'float64', 'json': 'json'},
    } -%}
    {%- set own = types[zoho_dialect()] -%}
    {#- Times are UTC in all marts. Only BigQuery's type of that name knows a zone. -#}
    {{- return(own.get(kind, {'boolean': 'boolean', 'date': 'date', 'time': 'timestamp'}.get(kind))) -}}
{% endmacro %}

{#- A share of two counts, with six digits; null if there is nothing to divide by. -#}
{% macro zoho_rate(part, whole) -%}
    cast(
        case when {{ whole }} > 0 then round(cast({{ part }} as numeric) / {{ whole }}, 6) end
        as {{ zoho_type('number') }}
    )
{%- endmacro %}

{% macro zoho_days_between(first, last) -%}
    {%- if zoho_dialect() == 'postgres' -%}
        (cast({{ last }} as date) - cast({{ first }} as date))
    {%- elif zoho_dialect() == 'bigquery' -%}
        date_diff(cast({{ last }} as date), cast({{ first }} as date), day)
    {%- else -%}
        datediff('day', cast({{ first }} as date), cast({{ last }} as date))
    {%- endif -%}
{%- endmacro %}

{% macro zoho_seconds_between(first, last) -%}
    {%- if zoho_dialect() == 'postgres' -%}
        cast(extract(epoch from ({{ last }} - {{ first }})) as bigint)
    {%- elif zoho_dialect() == 'bigquery' -%}
        timestamp_diff({{ last }}, {{ first }}, second)
    {%- else -%}
        datediff('second', {{ first }}, {{ last }})
    {%- endif -%}
{%- endmacro %}

{% macro zoho_domain(email) -%}
    {%- if zoho_dialect() == 'bigquery' -%}
        lower(split({{ email }}, '@')[safe_offset(1)])
    {%- else -%}
        lower(split_part({{ email }}, '@', 2))
    {%- endif -%}
{%- endmacro %}
