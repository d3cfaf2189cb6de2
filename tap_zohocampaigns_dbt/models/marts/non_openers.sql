{{ config(materialized='view') }}

select
    account_id,
    campaign_key,
    contact_email,
    main_campaign_key,
    contact_id,
    sent_time,
    is_unopened as is_in_zoho_list,
    is_delivered and not is_opened and not is_clicked as is_sent_and_not_opened
from {{ ref('recipients') }}
where is_unopened or (is_delivered and not is_opened and not is_clicked)
