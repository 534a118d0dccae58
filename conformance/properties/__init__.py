"""The properties that are checked, by id, in the order in which reports list them; one file each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conformance.properties import (
    abandoned_grants_nothing,
    accounts_isolated,
    admin_authenticated,
    admin_grants_only_what_is_paid,
    amounts_agree,
    bad_input_refused,
    batch_is_atomic,
    card_data_stays_out,
    cart_conserved,
    charged_once,
    confirm_before_commit,
    consumers_known,
    conversion_counted_once,
    each_secret_settled,
    envelope_conforms,
    failed_payment_can_be_retried,
    gate_as_configured,
    gate_code_means_gate,
    idempotency_honoured,
    no_entitlement_without_payment,
    no_pm_gate_rejections,
    no_rollback,
    off_session_told,
    old_frontend_survives,
    other_refusals_survive,
    payment_leads_to_entitlement,
    pm_saved_as_side_effect,
    provisioned_once,
    rate_limit_told,
    redirect_never_returns,
    secret_usable,
    secrets_stay_secret,
    stores_agree,
    update_keeps_old_plan,
    webhook_authentic,
    webhook_eventually_applied,
    zero_due_sets_up,
    zone_activated,
)
from conformance.property import Property

PROPERTIES: Final[Mapping[str, Property]] = MappingProxyType(
    {
        module.PROPERTY.id: module.PROPERTY
        for module in (
            no_entitlement_without_payment,
            confirm_before_commit,
            no_rollback,
            payment_leads_to_entitlement,
            charged_once,
            provisioned_once,
            amounts_agree,
            stores_agree,
            abandoned_grants_nothing,
            failed_payment_can_be_retried,
            update_keeps_old_plan,
            zero_due_sets_up,
            no_pm_gate_rejections,
            gate_as_configured,
            gate_code_means_gate,
            other_refusals_survive,
            secret_usable,
            off_session_told,
            consumers_known,
            old_frontend_survives,
            webhook_authentic,
            webhook_eventually_applied,
            redirect_never_returns,
            accounts_isolated,
            admin_authenticated,
            admin_grants_only_what_is_paid,
            secrets_stay_secret,
            card_data_stays_out,
            bad_input_refused,
            idempotency_honoured,
            envelope_conforms,
            rate_limit_told,
            cart_conserved,
            batch_is_atomic,
            each_secret_settled,
            zone_activated,
            pm_saved_as_side_effect,
            conversion_counted_once,
        )
    }
)
