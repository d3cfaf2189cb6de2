{#- No part lacks, or has too many of, more than a share of its rows. -#}
{% test zoho_nothing_missing(model, share) %}
select *
from {{ model }}
where
    abs(missing_in_warehouse) > {{ share }} * coalesce(rows_read, 0)
    or abs(coalesce(missing_in_read, 0)) > {{ share }} * coalesce(rows_reported, 0)
{% endtest %}
