-- Who opened at least three mails, and half of them, into a list of their own. Nobody who has
-- ever been in that list: they may have left it.
select
    contact.contact_email,
    '{{ env_var("INSIDERS_LIST_KEY") }}' as list_key
from {{ ref('contacts') }} as contact
where
    contact.account_id = '{{ env_var("TAP_ZOHOCAMPAIGNS_ACCOUNT_ID", "default") }}'
    and contact.status = 'active'
    and contact.hard_bounces < 2
    and contact.engagement = 'engaged'
    and contact.opened >= 3
    and contact.open_rate >= 0.5
    and not exists (
        select 1
        from {{ ref('stg_list_subscribers') }} as member
        where member.account_id = contact.account_id
            and lower(member.contact_email) = contact.contact_email
            and member.list_key = '{{ env_var("INSIDERS_LIST_KEY") }}'
    )
