"""Reference data: lists, fields, tags, topics, products, workflows, the account."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.bodies import places
from tests.support.reference import EXACT, FORMATS, OFFICE, asked, held
from tests.support.taps import NOW, run_tap

if t.TYPE_CHECKING:
    from datetime import datetime

    from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
    from tests.support.taps import Output, Sync


def minute(instant: datetime) -> str:
    return rfc3339(instant.replace(second=0, microsecond=0))


@pytest.mark.parametrize("format_", FORMATS)
def test_every_list_is_read_in_detail(
    sync: Sync, service: Service, account: LivingAccount, format_: str
) -> None:
    found = sync("list_details", response_format=format_).records["list_details"]
    campaigns = account.campaigns()
    assert found == [
        {
            "list_key": each.key,
            "list_name": each.name,
            "is_public": each.public,
            "contact_count": account.subscribers(each.key, "active"),
            "active_count": account.subscribers(each.key, "active"),
            "unsubscribed_count": account.subscribers(each.key, "unsub"),
            "bounced_count": account.subscribers(each.key, "bounce"),
            "sent_campaign_count": sum(
                one.list_key == each.key and one.sent is not None for one in campaigns
            ),
            "scheduled_campaign_count": sum(
                one.list_key == each.key and one.status == "Scheduled"
                for one in campaigns
            ),
            "places": [
                {"place": place, "contact_count": number}
                for place, number in places.local(
                    account.subscribers(each.key, "active")
                ).items()
            ]
            or None,
            "custom_fields": None,
        }
        for each in account.lists()
    ]
    assert len(asked(service, "getlistadvanceddetails")) == len(account.lists())


def test_lists_are_read_in_detail_only_when_selected(output: Output) -> None:
    assert not output.records["list_details"]


def test_every_field_of_contacts_is_read(
    output: Output, account: LivingAccount
) -> None:
    found = output.records["contact_fields"]
    assert {
        (row["field_id"], row["display_name"], row["ui_type"], row["max_length"])
        for row in found
        if row["field_type"] == "custom"
    } == {(one.field_id, one.name, one.kind, one.length) for one in account.fields()}
    assert [row["field_name"] for row in found if row["is_mandatory"]] == [
        "contact_email"
    ]
    assert len({row["field_id"] for row in found}) == len(found) == 21
    assert all(int(row["field_id"]) > EXACT for row in found)
    assert not any(row.get("custom_fields") for row in found)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("form", ["fieldnames", "fieldname"])
def test_fields_are_found_in_every_form(
    account: LivingAccount, output: Output, form: FieldsForm, format_: str
) -> None:
    with Service(account, fields_form=form) as other:
        found = run_tap(other, "contact_fields", response_format=format_)
        assert asked(other, "contact/allfields") == [{"type": format_}]
    assert found.records["contact_fields"] == output.records["contact_fields"]


def test_every_tag_is_read(output: Output, account: LivingAccount) -> None:
    assert held(output.records["tags"]) == held(
        [
            {
                "tag_id": one.tag_id,
                "tag_name": one.name,
                "description": one.description.replace("undefined", "") or None,
                "color": one.colour,
                "owner": one.owner,
                "owner_zuid": one.zuid,
                "contact_count": one.contacts,
                "is_crm_tag": False,
                "created_time": minute(one.created),
                "updated_time": minute(one.modified),
            }
            for one in account.tags()
        ]
    )


def test_every_topic_and_product_is_read(
    output: Output, account: LivingAccount
) -> None:
    assert held(output.records["topics"]) == held(
        [
            {
                "topic_id": one.topic_id,
                "topic_name": one.name,
                "description": one.description or None,
                "primary_list_id": one.primary_list,
            }
            for one in account.topics()
        ]
    )
    assert all(int(row["primary_list_id"]) > EXACT for row in output.records["topics"])
    assert held(output.records["products"]) == held(
        [
            {"product_id": one.product_id, "product_name": one.name}
            for one in account.products()
        ]
    )


def test_every_workflow_is_read(output: Output, account: LivingAccount) -> None:
    assert held(output.records["workflows"]) == held(
        [
            {
                "workflow_key": one.key,
                "workflow_name": one.name,
                "trigger_key": one.trigger_key,
                "created_time": rfc3339(one.created.replace(microsecond=0)),
            }
            for one in reversed(account.workflows())
        ]
    )


def test_the_account_is_one_row(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    [row] = sync("account", data_center="eu").records["account"]
    assert row == {
        "account_id": row["account_id"],
        "data_center": "eu",
        "time_zone": account.zone.key,
        "api_version": "1.1",
        "scopes": ["ZohoCampaigns.campaign.READ"],
    }
    assert len(row["account_id"]) == 16
    assert {call.endpoint for call in service.calls} == {"recentcampaigns"}
    [again] = sync("account", timezone="Asia/Tokyo").records["account"]
    assert (again["account_id"], again["time_zone"]) == (
        row["account_id"],
        "Asia/Tokyo",
    )
    assert service.config["client_id"] not in json.dumps(row)


def test_the_account_is_one_row_even_if_it_is_empty() -> None:
    empty = LivingAccount(
        lists=0, segments=0, campaigns=0, contacts=0, clock=lambda: NOW
    )
    with Service(empty) as service:
        output = run_tap(service)
        counted = [call.endpoint for call in service.calls]
    assert [row["time_zone"] for row in output.records["account"]] == ["UTC"]
    for stream, endpoint in OFFICE.items():
        assert counted.count(endpoint) == 1
        assert bool(output.records[stream]) is (stream == "contact_fields"), stream
