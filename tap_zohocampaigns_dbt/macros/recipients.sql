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

{% macro zoho_is_ab(type) -%}
    (coalesce(lower({{ type }}), '') = 'abtesting')
{%- endmacro %}

{% macro zoho_actions() %}
    {{- return([
        'sentcontacts', 'openedcontacts', 'clickedcontacts', 'unopenedcontacts', 'optoutcontacts',
        'spamcontacts', 'senthardbounce', 'sentsoftbounce', 'unsentcontacts',
    ]) -}}
{% endmacro %}

{#-
    A count of `recipients`; null if the rows of an action that it needs
    are not there for each sending of `coverage`.
-#}
{% macro zoho_count(count, actions) -%}
    case
        when {% for action in actions %}coverage.has_{{ action }}{{ ' and ' if not loop.last }}{% endfor %}
            then coalesce(cast({{ count }} as {{ zoho_type('integer') }}), 0)
    end
{%- endmacro %}

{#- The actions that a count of mails needs. -#}
{% macro zoho_counted_actions() %}
    {{- return({
        'sent': ['sentcontacts'],
        'delivered': ['sentcontacts', 'senthardbounce', 'sentsoftbounce'],
        'opened': ['openedcontacts'],
        'clicked': ['clickedcontacts'],
        'hard_bounces': ['senthardbounce'],
        'soft_bounces': ['sentsoftbounce'],
        'unsubscribes': ['optoutcontacts'],
        'complaints': ['spamcontacts'],
    }) -}}
{% endmacro %}

{#- Of each account, whether the rows of each action are there for all sendings. -#}
{% macro zoho_coverage() -%}
    select
        account_id
        {%- for action in zoho_actions() %},
        min(case when has_{{ action }} then 1 else 0 end) = 1 as has_{{ action }}
        {%- endfor %}
    from {{ ref('int_sends') }}
    where has_recipients
    group by account_id
{%- endmacro %}
