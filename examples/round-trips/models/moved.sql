-- Who is dormant and has arrived in the list for re-engagement, from all other lists.
select
    contact.contact_email,
    other.list_key
from {{ ref('contacts') }} as contact
inner join {{ ref('stg_list_subscribers') }} as arrived
    on contact.account_id = arrived.account_id
    and contact.contact_email = lower(arrived.contact_email)
inner join {{ ref('stg_list_subscribers') }} as other
    on contact.account_id = other.account_id
    and contact.contact_email = lower(other.contact_email)
where
    contact.account_id = '{{ env_var("TAP_ZOHOCAMPAIGNS_ACCOUNT_ID", "default") }}'
    and contact.engagement = 'dormant'
    and arrived.is_current
    and arrived.status = 'active'
    and arrived.list_key = '{{ env_var("REENGAGEMENT_LIST_KEY") }}'
    and other.is_current
    and other.status = 'active'
    and other.list_key <> arrived.list_key
