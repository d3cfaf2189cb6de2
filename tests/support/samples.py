"""Response bodies, copied from Zoho's documentation."""

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
RECIPIENTS_CN_XML = RECIPIENTS_XML.replace(b"/v1.1/", b"/").replace(b"1.1", b"1")
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

# http://www.zoho.com/campaigns/help/campaign-management-using-apis.html, API v1. On the
# page, the first campaign ends with </Campaign>, which is not well-formed.
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

# https://www.zoho.com/campaigns/help/developers/get-list-subscribers.html
SUBSCRIBERS_XML = b"""<response uri="/api/v1.1/getlistsubscribers" version="1.1">
<status>success</status>
<code>0</code>
<sort>Ascending Order</sort>
<range>5</range>
<status>active</status>
<fromindex>1</fromindex>
<list_details>
<fl val="ispublic">true</fl>
<fl val="noofcontacts">960</fl>
<fl val="listname">sample</fl>
</list_details>
<result_of_subscribers>
<contact>
<fl val="contact_email">user@example.com</fl>
<fl val="firstname"/>
<fl val="lastname"/>
<fl val="phone"/>
<fl val="companyname"/>
<fl val="zuid">4179027</fl>
<fl val="added_time">22 Apr 2011, 04:37 PM</fl>
</contact>
</result_of_subscribers>
</response>"""

# https://www.zoho.com/campaigns/help/developers/list-advanced-details.html,
# without the campaigns, which no copy of the page shows.
LIST_DETAILS_XML = b"""<response uri="/api/v1.1/getlistadvanceddetails" version="1.1">
<status>success</status>
<code>0</code>
<range>5</range>
<filtertype>sentcampaigns</filtertype>
<fromindex>1</fromindex>
<local_subscribers>
<fl val="INDIA">1</fl>
<fl val="CHENNAI">1</fl>
<fl val="TAMIL NADU">1</fl>
</local_subscribers>
<list_details>
<fl val="ispublic">true</fl>
<fl val="noofcontacts">1</fl>
<fl val="listname">meganzoho</fl>
</list_details>
<list_dashboard_data>
<contact_stats>
<fl val="no_of_bounce">0</fl>
<fl val="no_of_active">1</fl>
<fl val="sent_count">30</fl>
<fl val="no_of_unsub">0</fl>
<fl val="schedule_count">0</fl>
</contact_stats>
</list_dashboard_data>
</response>"""

# https://www.zoho.com/campaigns/help/developers/tag-management/get-all-tags.html;
# `status`, `code` and `tag_modified_time` come from a real account.
TAGS_JSON = b"""{
"uri": "/api/v1/tag/getalltags",
"version": "1",
"requestdetails": "{}",
"tags": [
{
"16492000023685218": {
"tagowner": "Zylker",
"tag_created_time": "07 Feb 2019, 12:33 PM",
"tag_name": "SATLIV",
"tag_color": "#48b9d1",
"tag_desc": "Test Tag",
"tagged_contact_count": "64",
"is_crm_tag": "false",
"zuid": "xxxxxxxx"
}
}
]
}"""

# https://www.zoho.com/campaigns/help/developers/get-topics.html; `topicDesc` comes
# from a real account.
TOPICS_JSON = b"""{
"topicDetails": [
{
"topicId": "80696000000044001",
"primaryList": 80696000000044003,
"topicName": "default"
}
],
"code": "200",
"message": "Success",
"uri": "/api/v1.1/topics"
}"""

# https://www.zoho.com/marketingautomation/help/developers/get-product.html
PRODUCTS_JSON = b"""{
"code": "200",
"message": "Success",
"uri": "/api/v1.1/topics/products",
"products": [
{
"product_id": "74726000000064001",
"product_name": "P1"
}
]
}"""

# https://www.zoho.com/campaigns/help/developers/get-open-custom-workflows.html
WORKFLOWS_JSON = b"""{
"workflows": [
{
"created_time": "2019-03-11T11:28:34+05:30",
"workflow_key": "9bb77af841821fa7767e402a0f250219",
"triggerkey": "9bb77af841821fa704a13363331fd551",
"workflow_name": "Latestopentrigger"
},
{
"created_time": "2019-03-08T07:53:14+05:30",
"workflow_key": "9bb77af841821fa73ce137c1970c6a55",
"trigger_key": "9bb77af841821fa7011c34c6de7e985f",
"workflow_name": "opentrigger"
}
],
"code": "200",
"limit": 5,
"sortorder": "asc"
}"""

# https://www.zoho.com/marketingautomation/help/developers/v1/get-all-leads-fields.html
MA_FIELDS_JSON = b"""{
"response": {
"message": "success",
"code": "0",
"fieldname": [
{
"DISPLAY_NAME": "lead Email",
"FIELD_NAME": "lead_email",
"no": "1",
"FIELD_ID": "4000000000015"
}
]
}
}"""
