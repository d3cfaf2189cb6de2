"""Bodies of answers, as Zoho's own pages print them."""

from __future__ import annotations

# https://www.zoho.com/campaigns/help/developers/campaign-recipient-data.html
RECIPIENTS_XML = b"""<response uri="/api/v1.1/getcampaignrecipientsdata" version="1.1">
<status>success</status>
<code>0</code>
<range>20</range>
<action>sentcontacts</action>
<fromindex>1</fromindex>
<campaign_details>
<fl val="email_status">Sent</fl>
<fl val="zuid">4179027</fl>
<fl val="campaign_name">Zoho Survey 7</fl>
<fl val="email_subject">Zoho Survey 7</fl>
</campaign_details>
<contacts>
<contact>
<fl val="added_time">02 Aug 2013, 12:39 PM</fl>
<fl val="first_name">meganath.v</fl>
<fl val="last_name"/>
<fl val="company_name"/>
<fl val="phone"/>
<fl val="contact_email">john.doe@xyz.com</fl>
</contact>
</contacts>
</response>"""
RECIPIENTS_JSON = b"""{
"requestdetails": {
"range": 20,
"action": "sentcontacts",
"fromindex": 1
},
"status": "success",
"list_of_details": [
{
"phone": "null",
"timezone": "null",
"contactstatus": "active",
"contactemailaddress": "john.doe@xyz.com",
"sent_time": "1375456161000",
"lastname": "",
"sentdate": "02 Aug 2013, 12:39 PM",
"firstname": "meganath.v",
"contactid": "303000014269257",
"companyname": "null"
}
],
"code": "0",
"uri": "/api/v1.1/getcampaignrecipientsdata",
"version": "1.1"
}"""

# The same page in Chinese, of API v1.
RECIPIENTS_CN_XML = b"""<response uri="/api/getcampaignrecipientsdata" version="1">
<status>success</status>
<code>0</code>
<range>20</range>
<action>sentcontacts</action>
<fromindex>1</fromindex>
<campaign_details>
<fl val="email_status">Sent</fl>
<fl val="zuid">4179027</fl>
<fl val="campaign_name">Zoho Survey 7</fl>
<fl val="email_subject">Zoho Survey 7</fl>
</campaign_details>
<contacts>
<contact>
<fl val="added_time">02 Aug 2013, 12:39 PM</fl>
<fl val="first_name">meganath.v</fl>
<fl val="last_name"/>
<fl val="company_name"/>
<fl val="phone"/>
<fl val="contact_email">john.doe@xyz.com</fl>
</contact>
</contacts>
</response>"""
RECIPIENTS_CN_JSON = (
    b'{"requestdetails":{"range":20,"action":"sentcontacts","fromindex":1},'
    b'"status":"success","list_of_details":[{"phone":"null","timezone":"null",'
    b'"contactstatus":"active","contactemailaddress":"john.doe@xyz.com",'
    b'"sent_time":"1375456161000","lastname":"","sentdate":"02 Aug 2013, 12:39 PM",'
    b'"firstname":"meganath.v","contactid":"303000014269257","companyname":"null"}],'
    b'"code":"0","uri":"/api/getcampaignrecipientsdata","version":"1"}'
)

# https://www.zoho.com/campaigns/help/developers/get-segment-contacts.html
SEGMENT_CONTACTS_XML = b"""<response uri="/api/v1.1/getsegmentcontacts" version="1.1">
	<status>success</status>
	<code>0</code>
	<range>20</range>
	<cvid>303000014567003</cvid>
	<fromindex>1</fromindex>
	<segment_contacts>
		<contact>
			<fl val="contact_email">user512@thandora.com</fl>
			<fl val="firstname"/>
			<fl val="lastname"/>
			<fl val="companyname"/>
			<fl val="added_time">22 Apr 2011, 04:37 PM</fl>
			<fl val="phone"/>
		</contact>
		<contact>
			<fl val="contact_email">user212@thandora.com</fl>
			<fl val="firstname"/>
			<fl val="lastname"/>
			<fl val="companyname"/>
			<fl val="added_time">22 Apr 2011, 04:37 PM</fl>
			<fl val="phone"/>
		</contact>
		<contact>
			<fl val="contact_email">user612@thandora.com</fl>
			<fl val="firstname"/>
			<fl val="lastname"/>
			<fl val="companyname"/>
			<fl val="added_time">22 Apr 2011, 04:37 PM</fl>
			<fl val="phone"/>
		</contact>
		<contact>
			<fl val="contact_email">user118@thandora.com</fl>
			<fl val="firstname">changefname users</fl>
			<fl val="lastname">users</fl>
			<fl val="companyname"/>
			<fl val="added_time">16 Apr 2011, 09:00 PM</fl>
			<fl val="phone"/>
		</contact>
	</segment_contacts>
</response>"""

# http://www.zoho.com/campaigns/help/campaign-management-using-apis.html, API v1. The
# page closes the first campaign with </Campaign>, as no parser would take it.
CAMPAIGNS_V1_XML = b"""<response uri="/api/recentcampaigns" version="1"><br/>
<status>success</status><br/>
<code>0</code><br/>
<recent-campaigns><br/>
<campaign no="1"><br/>
<fl val="campaign_name">CAMPAIG</fl><br/>
<fl val="campaign_key">34594177d382061b99f747d905612a4b</fl><br/>
<fl val="sent_time">1342503703000</fl><br/>
<fl val="campaign_status">Sent</fl><br/>
<fl val="created_time">1342503640000</fl><br/>
</campaign><br/>
<campaign no="2"><br/>
<fl val="campaign_name">CAMPAIG</fl><br/>
<fl val="campaign_key">34594177d382061b56febfd0cb811b03</fl><br/>
<fl val="sent_time">1342503459000</fl><br/>
<fl val="campaign_status">Sent</fl><br/>
<fl val="created_time">1342503425000</fl><br/>
</campaign><br/>
</recent-campaigns><br/>
</response>"""

# The page of list management, API v1.
COUNT_XML = (
    b'<response uri="/api/listsubscriberscount" version="1"><code>0</code>'
    b"<status>success</status><no_of_contacts>2</no_of_contacts></response>"
)
COUNT_JSON = (
    b'{"status":"success","code":"0","uri":"/api/listsubscriberscount",'
    b'"no_of_contacts":2,"version":"1"}'
)
SUBSCRIBE_XML = b"""<response uri="/api/xml/listsubscribe" version="1">
<code>0</code>
<status>success</status>
<message>A confirmation email is sent to the user. User needs to confirm to \
successfully subscribe.</message>
</response>"""
SUBSCRIBE_JSON = (
    b'{"message":"A confirmation email is sent to the user. User needs to confirm to '
    b'successfully subscribe.","status":"success","code":"0",'
    b'"uri":"/api/json/listsubscribe","version":"1"}'
)

# https://www.zoho.com/campaigns/help/developers/contact-unsubscribe.html
UNSUBSCRIBE_XML = b"""<response uri="/api/xml/listunsubscribe" version="1.1">
<code>0</code>
<status>success</status>
<message>User successfully unsubscribed.</message>
</response>"""
UNSUBSCRIBE_JSON = b"""{
"message": "User successfully unsubscribed.",
"status": "success",
"code": "0",
"uri": "/api/v1.1/json/listunsubscribe",
"version": "1.1"
}"""
