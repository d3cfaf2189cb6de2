"""Reference data: lists, fields, tags, topics, products, workflows, the account."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.bodies import places
from tests.support.reference import (
    FIRST_INEXACT_INTEGER,
    FORMATS,
    REFERENCE_ENDPOINTS,
    params_of_calls,
    without_nulls,
)
from tests.support.taps import NOW, run_tap

if t.TYPE_CHECKING:
    from datetime import datetime

    from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
    from tests.support.taps import Output, Sync


def minute(instant: datetime) -> str:
    return rfc3339(instant.replace(second=0, microsecond=0))


@pytest.mark.parametrize("format_", FORMATS)
def test_list_details_are_read_for_every_list(
    sync: Sync, service: Service, account: LivingAccount, format_: str
) -> None:
    rows = sync("list_details", response_format=format_).records["list_details"]
    campaigns = account.campaigns()
    assert rows == [
        {
            "list_key": mailing_list.key,
            "list_name": mailing_list.name,
            "is_public": mailing_list.public,
            "contact_count": account.subscribers(mailing_list.key, "active"),
            "active_count": account.subscribers(mailing_list.key, "active"),
            "unsubscribed_count": account.subscribers(mailing_list.key, "unsub"),
            "bounced_count": account.subscribers(mailing_list.key, "bounce"),
            "sent_campaign_count": sum(
                campaign.list_key == mailing_list.key and campaign.sent is not None
                for campaign in campaigns
            ),
            "scheduled_campaign_count": sum(
                campaign.list_key == mailing_list.key and campaign.status == "Scheduled"
                for campaign in campaigns
            ),
            "places": [
                {"place": place, "contact_count": number}
                for place, number in places.local(
                    account.subscribers(mailing_list.key, "active")
                ).items()
            ]
            or None,
            "custom_fields": None,
        }
        for mailing_list in account.lists()
    ]
    assert len(params_of_calls(service, "getlistadvanceddetails")) == len(
        account.lists()
    )


def test_list_details_are_read_only_when_selected(output: Output) -> None:
    assert not output.records["list_details"]


def test_every_contact_field_is_read(output: Output, account: LivingAccount) -> None:
    rows = output.records["contact_fields"]
    assert {
        (row["field_id"], row["display_name"], row["ui_type"], row["max_length"])
        for row in rows
        if row["field_type"] == "custom"
    } == {
        (field.field_id, field.name, field.kind, field.length)
        for field in account.fields()
    }
    assert [row["field_name"] for row in rows if row["is_mandatory"]] == [
        "contact_email"
    ]
    assert len({row["field_id"] for row in rows}) == len(rows) == 21
    assert all(int(row["field_id"]) > FIRST_INEXACT_INTEGER for row in rows)
    assert not any(row.get("custom_fields") for row in rows)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("form", ["fieldnames", "fieldname"])
def test_contact_fields_are_parsed_in_every_known_format(
    account: LivingAccount, output: Output, form: FieldsForm, format_: str
) -> None:
    with Service(account, fields_form=form) as service:
        parsed = run_tap(service, "contact_fields", response_format=format_)
        assert params_of_calls(service, "contact/allfields") == [{"type": format_}]
    assert parsed.records["contact_fields"] == output.records["contact_fields"]


def test_every_tag_is_read(output: Output, account: LivingAccount) -> None:
    assert without_nulls(output.records["tags"]) == without_nulls(
        [
            {
                "tag_id": tag.tag_id,
                "tag_name": tag.name,
                "description": tag.description.replace("undefined", "") or None,
                "color": tag.colour,
                "owner": tag.owner,
                "owner_zuid": tag.zuid,
                "contact_count": tag.contacts,
                "is_crm_tag": False,
                "created_time": minute(tag.created),
                "updated_time": minute(tag.modified),
            }
            for tag in account.tags()
        ]
    )


def test_every_topic_and_product_is_read(
    output: Output, account: LivingAccount
) -> None:
    assert without_nulls(output.records["topics"]) == without_nulls(
        [
            {
                "topic_id": topic.topic_id,
                "topic_name": topic.name,
                "description": topic.description or None,
                "primary_list_id": topic.primary_list,
            }
            for topic in account.topics()
        ]
    )
    assert all(
        int(row["primary_list_id"]) > FIRST_INEXACT_INTEGER
        for row in output.records["topics"]
    )
    assert without_nulls(output.records["products"]) == without_nulls(
        [
            {"product_id": product.product_id, "product_name": product.name}
            for product in account.products()
        ]
    )


def test_every_workflow_is_read(output: Output, account: LivingAccount) -> None:
    assert without_nulls(output.records["workflows"]) == without_nulls(
        [
            {
                "workflow_key": workflow.key,
                "workflow_name": workflow.name,
                "trigger_key": workflow.trigger_key,
                "created_time": rfc3339(workflow.created.replace(microsecond=0)),
            }
            for workflow in reversed(account.workflows())
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
    [second_row] = sync("account", timezone="Asia/Tokyo").records["account"]
    assert (second_row["account_id"], second_row["time_zone"]) == (
        row["account_id"],
        "Asia/Tokyo",
    )
    assert service.config["client_id"] not in json.dumps(row)


def test_an_empty_account_is_still_one_row() -> None:
    empty = LivingAccount(
        lists=0, segments=0, campaigns=0, contacts=0, clock=lambda: NOW
    )
    with Service(empty) as service:
        output = run_tap(service)
        endpoints = [call.endpoint for call in service.calls]
    assert [row["time_zone"] for row in output.records["account"]] == ["UTC"]
    for stream, endpoint in REFERENCE_ENDPOINTS.items():
        assert endpoints.count(endpoint) == 1
        assert bool(output.records[stream]) is (stream == "contact_fields"), stream
