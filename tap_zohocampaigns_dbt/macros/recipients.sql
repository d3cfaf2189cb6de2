{#
    Before new rows are added: delete those of sendings that have changed. A deleted
    campaign has no new rows, so a merge by key would keep its old ones.
#}
{% macro zoho_forget_changed_sends() %}
    {%- if is_incremental() -%}
    delete from {{ this }} as built
    where not exists (
        select 1
        from {{ ref('int_send_versions') }} as versions
        where versions.account_id = built.account_id
            and versions.campaign_key = built.campaign_key
            and versions.source_version = built.source_version
    )
    {%- endif -%}
{% endmacro %}
