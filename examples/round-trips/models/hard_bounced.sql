-- Who hard-bounced in two campaigns or more, from each list that still mails to them.
select
    bounced.contact_email,
    member.list_key
from (
    select account_id, contact_email
    from {{ ref('recipients') }}
    where is_hard_bounce
    group by account_id, contact_email
    having count(distinct main_campaign_key) >= 2
) as bounced
inner join {{ ref('stg_list_subscribers') }} as member
    on bounced.account_id = member.account_id
    and bounced.contact_email = lower(member.contact_email)
where
    bounced.account_id = '{{ env_var("TAP_ZOHOCAMPAIGNS_ACCOUNT_ID", "default") }}'
    and member.is_current
    and member.status = 'active'
