-- Who may do what: every grant of the plane stands on this page. Row-level security decides about rows on top of it.

-- The doors. anon may execute these four and what the doors call first.
grant usage on schema api, gateway to anon, authenticator, plane_functions;
grant execute on function
  api.call_with_key(text, text, jsonb, jsonb, jsonb, text),
  api.kernel_with_key(text, text, jsonb),
  api.call_public(text, jsonb),
  api.ping(),
  gateway.authenticate(text, text, text)
to anon, authenticator, plane_functions;

-- What api.call_public calls: one line each.
grant execute on function
  gateway.refuse_public(text),
  gateway.show_invitation(jsonb)
to anon, authenticator, plane_functions;

-- People: with their own token through PostgREST; or on the direct path, by a function that has verified it.
grant execute on function
  api.call_with_token(jsonb, text, jsonb, text, jsonb, jsonb),
  gateway.authenticate_person(text, text)
to authenticator, plane_functions;

-- A caller inside its organisation.
grant usage on schema api, plane, gateway to authenticated;
grant execute on all functions in schema api to authenticated;
revoke execute on function
  api.call_with_key(text, text, jsonb, jsonb, jsonb, text),
  api.kernel_with_key(text, text, jsonb),
  api.call_with_token(jsonb, text, jsonb, text, jsonb, jsonb),
  api.call_public(text, jsonb)
from authenticated;
grant execute on function
  gateway.authenticate_person(text, text),
  gateway._call_verb(text, jsonb, jsonb, jsonb),
  gateway._begin_once(text, text),
  gateway._end_once(text, jsonb)
to authenticated;
grant select on gateway.verbs to authenticated;
grant usage on sequence plane.feed_id to authenticated;
grant execute on function
  plane.clock(),
  plane.time_text(timestamptz),
  plane.raise_error(int, text, text, text, jsonb),
  plane.caller_claims(),
  plane.caller_org(),
  plane.caller_key(),
  plane.caller_id(),
  plane.caller_has_scope(text),
  plane.caller_person(),
  plane.caller_actor(),
  plane.require_person(text),
  plane.record_audit(text, text, text, jsonb, jsonb, jsonb),
  plane.note_event(text, jsonb, uuid),
  plane.start_execution(jsonb),
  plane.cancel_execution(uuid),
  plane.signal_execution(uuid, text, jsonb),
  plane.retry_execution(uuid, text[]),
  plane.publish_event(text, jsonb, uuid, text),
  plane.end_external_execution(jsonb),
  plane.record_external_step(jsonb)
to authenticated;

-- What the api verbs share (sql/api/_*.sql): one line each.
grant execute on function
  plane.agent_health(int, timestamptz),
  plane.agent_json(plane.agents),
  plane.find_agent(uuid, text),
  plane.note_agent(uuid),
  plane.state_etag(bigint, timestamptz),
  plane.state_json(plane.state),
  plane.check_state_key(jsonb),
  plane.match_state(jsonb),
  plane.write_state(jsonb, plane.state, jsonb, text, boolean),
  plane.bury_state(jsonb),
  plane.keep_history(plane.state, timestamptz, text),
  plane.state_versions(jsonb),
  plane.require_lock(jsonb),
  plane.raise_lock_lost(jsonb, plane.locks),
  plane.lock_json(plane.locks),
  plane.memory_json(plane.memories),
  plane.template_json(plane.templates, boolean),
  plane.template_standing(text),
  plane.check_memory(jsonb, timestamptz),
  plane.real_array(jsonb),
  plane.merge_json(jsonb, jsonb),
  plane.key_json(plane.api_keys),
  plane.key_end(float8),
  plane.key_event(plane.api_keys),
  plane.lock_key(text),
  plane.require_other_manager(plane.api_keys),
  plane.require_scopes_of(text[], text)
to authenticated;
grant execute on function
  plane.find_version(jsonb),
  plane.require_agent(uuid, text),
  plane.version_json(plane.workflows, plane.workflow_versions, boolean),
  plane.find_execution(text),
  plane.event_json(plane.checkpoints, plane.events),
  plane.find_step(plane.executions, text),
  plane.execution_status(plane.executions),
  plane.execution_json(plane.executions, boolean, jsonb),
  plane.known_cost(plane.executions),
  plane.waiting_for(plane.executions),
  plane.with_money(jsonb),
  plane.step_kind(plane.executions, text),
  plane.step_duration(plane.checkpoints),
  plane.step_begun(plane.executions, text),
  plane.timed_step(jsonb, timestamptz),
  plane.step_json(plane.checkpoints),
  plane.step_rows(plane.executions, jsonb, text, int),
  plane.require_external(plane.executions),
  plane.require_running(plane.executions),
  plane.require_signaller(),
  plane.spending(timestamptz, timestamptz)
to authenticated;

grant select on plane.organisations to authenticated;
grant select, insert, update on plane.api_keys to authenticated;
grant select, insert, update on plane.idempotency to authenticated;
grant select on plane.audit_entries, plane.audit_seals, plane.audit_heads to authenticated;
grant select, insert, update on plane.agents to authenticated;
grant select, insert, update, delete on plane.state to authenticated;
grant select, insert, delete on plane.state_history to authenticated;
grant select, insert, update on plane.locks to authenticated;
grant usage on sequence plane.fencing_token to authenticated;
grant select, insert, update, delete on plane.memories to authenticated;
grant select, insert, update on plane.interpretations to authenticated;
grant select, insert, delete on plane.templates to authenticated;
grant select, insert, update on plane.template_ratings to authenticated;
grant select, insert on plane.template_uses to authenticated;
grant execute on function plane.search_memories(jsonb), plane.model_rules(), plane.note_spending(numeric) to authenticated;
grant select, insert, update on plane.workflows to authenticated;
grant select, insert on plane.workflow_versions to authenticated;
grant select on plane.executions to authenticated;
grant select on plane.frames to authenticated;
grant select on plane.checkpoints to authenticated;
grant select on plane.waits to authenticated;
grant select on plane.signals to authenticated;
grant select on plane.payloads to authenticated;
grant select, insert on plane.events to authenticated;

-- People
grant execute on function
  plane.require_user(),
  plane.role_scopes(text),
  plane.member_json(plane.members),
  plane.invitation_json(plane.invitations),
  plane.find_member(uuid),
  plane.require_may_appoint(text[]),
  plane.require_other_owner(uuid),
  gateway.accept_invitation(jsonb),
  gateway.found_organisation(jsonb),
  gateway.list_memberships()
to authenticated;
grant update (name) on plane.organisations to authenticated;
grant select, update on plane.members to authenticated;
grant select, insert, update on plane.invitations to authenticated;

-- Limits
grant select on plane.meters, plane.spent_days, plane.usage_days to authenticated;
grant select, insert, update, delete on plane.budgets, plane.rate_limits to authenticated;
grant select, insert, update, delete on plane.quotas to authenticated;
grant select, insert, update on plane.quota_counts to authenticated;
grant select on plane.rate_buckets to authenticated;
grant execute on function
  plane._period_start(text, timestamptz),
  plane._spent_since(uuid, date),
  plane.budget_states(uuid),
  plane.budget_json(plane.budgets, jsonb),
  plane.quota_defaults(),
  plane.check_quota(text),
  plane._count_used(uuid, text, bigint),
  plane._refuse_over_quota(text, bigint, bigint),
  plane._note_quota_reached(uuid, text, bigint, bigint),
  plane._record_event(uuid, uuid, text, text, jsonb)
to authenticated;
grant select, insert, update, delete
  on plane.meters, plane.spent_days, plane.usage_days, plane.budgets, plane.rate_buckets, plane.quota_counts
to plane_kernel;
grant select on plane.quotas to plane_kernel;
grant select on plane.organisations to plane_kernel;
grant select on sequence plane.feed_id to plane_kernel;
grant select on plane.rate_limits to plane_gateway;
grant select, insert, update, delete on plane.rate_buckets to plane_gateway;
grant execute on function gateway._lease_tokens(jsonb) to authenticated;

-- Runners: the kernel verbs, no tables.
grant usage on schema plane, gateway, api to plane_runner;
grant execute on function
  plane.raise_error(int, text, text, text, jsonb),
  plane.move_together(jsonb),
  plane.claim(jsonb),
  plane.checkpoint(jsonb),
  plane.extend_lease(jsonb),
  plane.load_records(jsonb),
  plane.act(jsonb),
  plane._begin_act(jsonb),
  plane.report_dead(jsonb),
  plane.report_owner_dead(jsonb),
  plane.sweep(jsonb),
  plane.get_violations(jsonb),
  plane.meter_usage(jsonb),
  plane.meter_requests(jsonb),
  plane.watch_budgets(jsonb),
  plane.count_quotas(jsonb)
to plane_runner;

-- The kernel's functions run as this role.
grant execute on all functions in schema plane to plane_kernel;
grant usage on sequence plane.feed_id to plane_kernel;
grant select on plane.workflows, plane.workflow_versions to plane_kernel;
grant select, insert, update, delete
  on plane.executions, plane.frames, plane.checkpoints, plane.waits, plane.signals, plane.payloads, plane.events
to plane_kernel;
grant select, update, delete on plane.state, plane.idempotency, plane.locks to plane_kernel; -- update: to lock what is deleted
grant select, insert, update, delete on plane.state_history to plane_kernel;
grant usage on schema extensions to plane_kernel;
grant select, update, delete on plane.memories, plane.interpretations to plane_kernel;
grant select on plane.violations to plane_kernel;
grant insert on plane.audit_entries to plane_kernel;
revoke create on schema plane from plane_kernel;

-- The gateway's functions run as this role.
grant usage on schema plane to plane_gateway;
grant execute on function
  plane.clock(),
  plane.raise_error(int, text, text, text, jsonb),
  plane.caller_claims(),
  plane.caller_person(),
  plane.require_user(),
  plane.role_scopes(text)
to plane_gateway;
grant select, insert, update on gateway.settings to plane_gateway;
grant execute on all functions in schema gateway to plane_gateway;
grant select on gateway.verbs to plane_gateway;
grant select, insert on plane.organisations to plane_gateway;
grant select, insert, update on plane.api_keys to plane_gateway;
grant insert on plane.audit_entries to plane_gateway;
grant select, insert, update on plane.members to plane_gateway;
grant select, update on plane.invitations to plane_gateway;
revoke create on schema gateway from plane_gateway;

-- Safety
grant execute on function
  plane.caller_trace(),
  plane.seal_text(plane.audit_entries, bigint, text),
  plane.audit_json(plane.audit_entries),
  plane.audit_problem(text, bigint, bigint, text),
  plane.known_seal(bigint, text, text),
  plane.seal_problem(plane.audit_seals, plane.audit_entries, bigint, text),
  plane.unsealed_problem(bigint, bigint, bigint, plane.audit_heads, text),
  plane.secret_json(plane.secrets),
  plane.policy_json(plane.policies),
  plane.find_policy(uuid),
  plane.erasure_json(plane.erasures),
  gateway.export_page(jsonb),
  gateway.begin_erasure(jsonb)
to authenticated;
grant select on plane.erasures to authenticated;
grant select, insert, update on plane.retention to authenticated;
grant select on plane.retention to plane_kernel;
grant select, insert, update, delete on plane.secrets, plane.policies to authenticated;
grant select, update on plane.secrets to plane_kernel;
grant select on plane.policies to plane_kernel;
grant execute on function
  plane.seal_audit(jsonb),
  plane.load_guard(jsonb),
  plane.load_secrets(jsonb),
  plane.load_provider_keys(jsonb),
  plane.note_policy(jsonb),
  plane.drop_payloads(jsonb),
  gateway.erase_next(jsonb)
to plane_runner;
grant usage on schema plane to plane_auditor;
grant execute on function
  plane.clock(),
  plane.time_text(timestamptz),
  plane.raise_error(int, text, text, text, jsonb),
  plane.caller_claims(),
  plane.caller_org(),
  plane.caller_person(),
  plane.caller_trace(),
  plane.seal_text(plane.audit_entries, bigint, text),
  plane._require_org(),
  plane._audit_hash(uuid, jsonb)
to plane_auditor;
grant select, insert, update on plane.audit_entries, plane.audit_heads to plane_auditor;
grant select, insert on plane.audit_seals, plane.audit_salts to plane_auditor;
revoke create on schema plane from plane_auditor;

-- Agents
grant select, insert, update, delete on plane.agent_terms to authenticated;
grant select on plane.agent_records to authenticated;
grant execute on function
  plane.slug(text),
  plane.stems(text),
  plane.shingles(text),
  plane.wilson(int, int),
  plane.type_fits(jsonb, jsonb),
  plane.schema_fit(jsonb, jsonb),
  plane.offered_types(jsonb, jsonb),
  plane.agent_of(text),
  plane.agent_said(plane.agents),
  plane.agent_skills(jsonb),
  plane.index_agent(plane.agents),
  plane.note_agent_change(plane.agents, plane.agents),
  plane.similar_terms(text, text),
  plane.match_asked(jsonb),
  plane.match_weights(jsonb),
  plane.match_reasons(jsonb, jsonb),
  plane.open_work(uuid),
  plane.waiting_work(uuid, timestamptz),
  plane.inbox_execution(plane.executions),
  plane.record_json(plane.agent_records)
to authenticated;
grant execute on function
  plane.note_agent_health(jsonb),
  plane.update_agent_records(jsonb),
  plane.note_chore(jsonb),
  plane.get_plane_health(jsonb)
to plane_runner;
grant select on plane.agents, plane.ended_work to plane_kernel;
grant update (noted_health, noted_at) on plane.agents to plane_kernel;
grant select, insert, update on plane.agent_records to plane_kernel;
grant usage on schema gateway to plane_kernel;
grant select, insert, update on gateway.chore_runs to plane_kernel;

-- Escalations: tenants read; the kernel's functions write.
grant select on plane.escalations, plane.escalation_comments, plane.escalation_mails, plane.escalation_links to authenticated;
grant execute on function
  plane.open_escalation(jsonb),
  plane.resolve_escalation(jsonb),
  plane.dismiss_escalation(jsonb),
  plane.claim_escalation(jsonb),
  plane.release_escalation(jsonb),
  plane.update_escalation(jsonb),
  plane.comment_on_escalation(jsonb),
  plane.mail_escalation(jsonb),
  plane.use_link(),
  plane.find_escalation(text),
  plane.escalation_json(plane.escalations, boolean),
  plane.refusal_to_answer(plane.escalations),
  plane.refusal_of(plane.escalations, uuid, jsonb),
  plane.needs_another(plane.escalations),
  plane.is_assigned(jsonb, jsonb),
  plane.raise_no_escalation(uuid),
  plane.role_scopes(text)
to authenticated;
grant select, insert, update, delete
  on plane.escalations, plane.escalation_comments, plane.escalation_mails, plane.escalation_links
to plane_kernel;
grant select on plane.members to plane_kernel;
grant execute on function
  plane.time_out_escalation(jsonb),
  plane.announce_escalations(jsonb),
  plane.claim_mails(jsonb),
  plane.note_mail(jsonb)
to plane_runner;
grant execute on function gateway.link_claims(text) to anon, authenticator, plane_functions;
grant select on plane.escalations, plane.escalation_links to plane_gateway;
grant execute on function plane.role_scopes(text) to plane_gateway;

-- Webhooks, hooks, triggers, schedules
grant select, insert, update on plane.event_feeds to authenticated;
grant select, insert, update, delete on plane.webhooks, plane.hooks, plane.event_triggers, plane.schedules to authenticated;
grant select, insert, update on plane.webhook_deliveries to authenticated;
grant select, update on plane.trigger_messages to authenticated;
grant select, insert on plane.schedule_firings to authenticated;
grant execute on function
  plane.listen(text),
  plane.event_type(text, text),
  plane.event_body(plane.events),
  plane.webhook_json(plane.webhooks),
  plane.find_webhook(uuid),
  plane.delivery_json(plane.webhook_deliveries),
  plane.find_delivery(uuid),
  plane.hook_json(plane.hooks),
  plane.require_hook(uuid),
  plane.raise_name_taken(text, text),
  plane.message_json(plane.trigger_messages),
  plane.find_message(uuid),
  plane.trigger_json(plane.event_triggers),
  plane.find_trigger(uuid),
  plane.schedule_json(plane.schedules),
  plane.find_schedule(uuid),
  plane.firing_json(plane.schedule_firings)
to authenticated;
grant execute on function
  plane.fan_out_webhooks(jsonb),
  plane.claim_deliveries(jsonb),
  plane.record_delivery(jsonb),
  plane.find_hook(jsonb),
  plane.receive_message(jsonb),
  plane.fan_out_triggers(jsonb),
  plane.claim_messages(jsonb),
  plane.finish_message(jsonb),
  plane.claim_schedules(jsonb),
  plane.record_firings(jsonb),
  plane.start_queued(jsonb),
  plane.forget_triggered(jsonb)
to plane_runner;
grant select, update, delete on plane.event_feeds to plane_kernel;
grant select, update on plane.webhooks, plane.schedules, plane.hooks to plane_kernel; -- hooks: to hold one while its message comes in
grant select on plane.event_triggers to plane_kernel;
grant select, insert, update, delete on plane.webhook_deliveries, plane.trigger_messages, plane.schedule_firings to plane_kernel;

-- Hand-offs
grant select, insert, update on plane.handoffs to authenticated;
grant execute on function
  plane.handoff_json(plane.handoffs),
  plane.handoff_line(plane.handoffs),
  plane.find_handoff(uuid),
  plane.fits_handoff(plane.agents, plane.handoffs),
  plane.may_be_taken(plane.handoffs),
  plane.offered_handoffs(uuid, int),
  plane.waiting_handoffs(uuid),
  plane.inbox_handoffs(uuid, int),
  plane.note_handoff(plane.handoffs, text, text, jsonb),
  plane.refuse_handoff_state(plane.handoffs, text),
  plane.refuse_handoff_loop(uuid, uuid, uuid, int),
  plane.require_addressee(plane.handoffs, uuid),
  plane.require_taker(plane.handoffs, uuid),
  plane.require_claim(plane.handoffs, text, text),
  plane.require_live_agent(uuid, text),
  plane.require_workflow(uuid),
  plane.take_handoff(plane.handoffs, uuid, numeric),
  plane.end_handoff(plane.handoffs, text, text, uuid, jsonb, jsonb),
  plane.hold_handoff(uuid),
  plane.try_hold_handoff(uuid),
  plane.give_back_handoff(uuid, text),
  plane.settle_handoff(uuid)
to authenticated;
grant execute on function plane.expire_handoffs(jsonb) to plane_runner;
grant select, insert, update, delete on plane.handoffs to plane_kernel;

-- Exporting and erasing
grant usage on schema plane, gateway to plane_eraser;
grant execute on function
  plane.clock(),
  plane.raise_error(int, text, text, text, jsonb),
  plane.caller_claims(),
  plane.caller_org(),
  plane.caller_actor(),
  plane.caller_person(),
  plane.require_person(text),
  plane.caller_has_scope(text),
  plane._require_org(),
  gateway._plane_tables(),
  gateway._key_range(text[], text[], boolean, boolean),
  gateway._without_names(jsonb, uuid, text[], text),
  gateway._erase_person(plane.erasures, int),
  gateway._erase_organisation(plane.erasures, int)
to plane_eraser;
grant select, update, delete on all tables in schema plane to plane_eraser;
grant insert on plane.erasures to plane_eraser;
revoke update on plane.audit_seals, plane.audit_heads, plane.audit_salts, plane.secrets from plane_eraser;
grant update (updated_by) on plane.secrets to plane_eraser;
revoke create on schema gateway from plane_eraser;
