{#- The views are in `to_zoho` itself; dbt would put the schema of the marts before it. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
