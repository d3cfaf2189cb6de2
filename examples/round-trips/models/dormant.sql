-- Who has opened nothing for long, into the list for re-engagement. Nobody who has ever been
-- in that list: they may have left it.
select
    contact.contact_email,
    '{{ env_var("REENGAGEMENT_LIST_KEY") }}' as list_key
from {{ ref('contacts') }} as contact
where
    contact.account_id = '{{ env_var("TAP_ZOHOCAMPAIGNS_ACCOUNT_ID", "default") }}'
    and contact.status = 'active'
    and contact.hard_bounces < 2
    and contact.engagement = 'dormant'
    and not exists (
        select 1
        from {{ ref('stg_list_subscribers') }} as member
        where member.account_id = contact.account_id
            and lower(member.contact_email) = contact.contact_email
            and member.list_key = '{{ env_var("REENGAGEMENT_LIST_KEY") }}'
    )
