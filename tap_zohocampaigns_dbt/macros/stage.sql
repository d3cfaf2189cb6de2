{#
    A staging model: the columns of the contract with their types, and of each key the row
    that was loaded last.

    stream   name of the stream
    keys     its keys
    columns  (name, kind) of each column
    part     the columns of `snapshots` that name the part that a row belongs to; then the
             model has a column `is_current`
#}
{% macro zoho_stage(stream, keys, columns, part=none) %}
with loaded as (
    {{ zoho_rows(stream, columns) }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by account_id, {{ keys | join(', ') }} order by load_order desc
        ) as load_rank
    from loaded
)

select
    ranked.account_id,
    {%- for name, kind in columns if name != 'account_id' %}
    ranked.{{ name }}{{ ',' if part or not loop.last }}
    {%- endfor %}
    {%- if part %}
    coalesce(ranked.snapshot_time >= parts.snapshot_time, false) as is_current
    {%- endif %}
from ranked
{%- if part %}
left join {{ ref('stg_snapshots') }} as parts
    on ranked.account_id = parts.account_id
    and parts.stream = '{{ stream }}'
    {%- for name in part %}
    and ranked.{{ name }} = parts.{{ name }}
    {%- endfor %}
{%- endif %}
where ranked.load_rank = 1
{% endmacro %}

{#
    All rows of a stream that were loaded, with `load_order`. Columns and streams that were
    not selected are null and empty.
#}
{% macro zoho_rows(stream, columns) %}
    {%- set table = source('zohocampaigns', stream) -%}
    {%- if zoho_reads_files() -%}
        {{- zoho_rows_of_file(stream, columns) -}}
    {%- else -%}
        {{- zoho_rows_of_table(stream, columns, table) -}}
    {%- endif -%}
{% endmacro %}

{% macro zoho_reads_files() %}
    {{- return(var('zohocampaigns_reads_files', target.type == 'duckdb') and zoho_dialect() == 'duckdb') -}}
{% endmacro %}

{% macro zoho_rows_of_file(stream, columns) %}
    {%- set folder = var('zohocampaigns_files', env_var('ZOHOCAMPAIGNS_FILES', '../output')) -%}
    {%- set file = folder ~ '/' ~ stream ~ '.jsonl' -%}
    {%- set exists = execute and run_query("select * from glob('" ~ file ~ "')") | length > 0 -%}
    {%- do zoho_require(stream, exists) -%}
    {%- if exists -%}
    select
        {{ zoho_account_id('account_id') }} as account_id,
        {%- for name, kind in columns if name != 'account_id' %}
        {{ name }},
        {%- endfor %}
        -- Files have no keys: the last line of each key counts.
        row_number() over () as load_order
    from read_json(
        '{{ file }}',
        format = 'newline_delimited',
        columns = {
            'account_id': 'varchar',
            {%- for name, kind in columns if name != 'account_id' %}
            '{{ name }}': '{{ zoho_type(kind) }}'{{ ',' if not loop.last }}
            {%- endfor %}
        }
    )
    {%- else -%}
        {{- zoho_no_rows(columns) -}}
    {%- endif -%}
{% endmacro %}

{% macro zoho_rows_of_table(stream, columns, table) %}
    {%- set types = {} -%}
    {%- if zoho_dialect() != target.type -%}
        {#- There is no database to ask: all columns are as the schema has them. -#}
        {%- for name, kind in columns -%}{%- do types.update({name: zoho_type(kind)}) -%}{%- endfor -%}
        {%- do types.update({'account_id': zoho_type('text'), '_sdc_sequence': zoho_type('integer')}) -%}
    {%- elif execute -%}
        {%- set found = load_relation(table) -%}
        {%- if found -%}
            {%- for column in adapter.get_columns_in_relation(found) -%}
                {%- do types.update({column.name | lower: column.dtype | lower}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {%- do zoho_require(stream, types) -%}
    {%- set orders = ['_sdc_sequence', '_sdc_extracted_at', '_sdc_batched_at'] | select('in', types) | list -%}
    {%- if types -%}
    select
        {{ zoho_account_id('account_id' if 'account_id' in types else 'null') }} as account_id,
        {%- for name, kind in columns if name != 'account_id' %}
        {{ zoho_column(name, kind, types.get(name)) }} as {{ name }},
        {%- endfor %}
        {{ orders[0] if orders else '1' }} as load_order
    from {{ table }}
    {%- else -%}
        {{- zoho_no_rows(columns) -}}
    {%- endif -%}
{% endmacro %}

{% macro zoho_column(name, kind, found) %}
    {%- if not found -%}
        cast(null as {{ zoho_type(kind) }})
    {%- elif kind == 'time' and 'with time zone' in found -%}
        {{ name }} at time zone 'UTC'
    {%- elif kind == 'time' and found == 'timestamp_tz' -%}
        cast(convert_timezone('UTC', {{ name }}) as timestamp)
    {%- elif kind == 'json' and zoho_dialect() in ('snowflake', 'bigquery') -%}
        {{ name }}
    {%- elif kind == 'json' and zoho_dialect() == 'postgres' and 'char' not in found and found != 'text' -%}
        {#- Loaders store lists as arrays, which can't be cast. -#}
        to_jsonb({{ name }})
    {%- else -%}
        cast({{ name }} as {{ zoho_type(kind) }})
    {%- endif -%}
{% endmacro %}

{#- Without the setting `account_id`, all rows are of one account. -#}
{% macro zoho_account_id(column) -%}
    coalesce(cast({{ column }} as {{ zoho_type('text') }}), 'default')
{%- endmacro %}

{% macro zoho_no_rows(columns) %}
    select *
    from (
        select
            cast(null as {{ zoho_type('text') }}) as account_id,
            {%- for name, kind in columns if name != 'account_id' %}
            cast(null as {{ zoho_type(kind) }}) as {{ name }},
            {%- endfor %}
            1 as load_order
    ) as nothing
    where 1 = 0
{% endmacro %}

{% macro zoho_require(stream, found) %}
    {%- if execute and stream == 'snapshots' and not found -%}
        {{- exceptions.raise_compiler_error(
            'The stream snapshots is not loaded. Without it nobody can tell which rows are current: '
            ~ 'select it in the catalog, and look at zohocampaigns_files or zohocampaigns_schema.'
        ) -}}
    {%- endif -%}
{% endmacro %}
