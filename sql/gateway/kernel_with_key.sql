-- The door for runners and the sweeper: a static list of kernel verbs, as plane_runner, which has no rights on tables.
-- A runner key whose scopes name verbs may call only those.
-- Raises 401 · 403 wrong_kind, missing_scope · 404 unknown_verb, and what the verb raises.
create function api.kernel_with_key(key_hash text, verb text, payload jsonb default '{}')
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
declare
  v_claims jsonb := gateway.authenticate(key_hash, null);
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'plane_runner', true);
  if v_claims -> 'scopes' <> '[]' and not v_claims -> 'scopes' ? verb then
    perform plane.raise_error(403, 'missing_scope', format('This runner key may not call %s.', verb),
      'Use the key of another function of the plane.', jsonb_build_object('scope', verb));
  end if;
  case verb
    when 'move_together' then return plane.move_together(payload);
    when 'claim' then return plane.claim(payload);
    when 'checkpoint' then return plane.checkpoint(payload);
    when 'extend_lease' then return plane.extend_lease(payload);
    when 'load_records' then return plane.load_records(payload);
    when 'act' then return plane.act(payload);
    when 'report_dead' then return plane.report_dead(payload);
    when 'report_owner_dead' then return plane.report_owner_dead(payload);
    when 'sweep' then return plane.sweep(payload);
    when 'expire_handoffs' then return plane.expire_handoffs(payload);
    when 'seal_audit' then return plane.seal_audit(payload);
    when 'load_guard' then return plane.load_guard(payload);
    when 'load_secrets' then return plane.load_secrets(payload);
    when 'load_provider_keys' then return plane.load_provider_keys(payload);
    when 'note_policy' then return plane.note_policy(payload);
    when 'drop_payloads' then return plane.drop_payloads(payload);
    when 'erase_next' then return gateway.erase_next(payload);
    when 'get_violations' then return plane.get_violations(payload);
    when 'note_agent_health' then return plane.note_agent_health(payload);
    when 'update_agent_records' then return plane.update_agent_records(payload);
    when 'note_chore' then return plane.note_chore(payload);
    when 'get_plane_health' then return plane.get_plane_health(payload);
    when 'fan_out_webhooks' then return plane.fan_out_webhooks(payload);
    when 'claim_deliveries' then return plane.claim_deliveries(payload);
    when 'record_delivery' then return plane.record_delivery(payload);
    when 'find_hook' then return plane.find_hook(payload);
    when 'receive_message' then return plane.receive_message(payload);
    when 'fan_out_triggers' then return plane.fan_out_triggers(payload);
    when 'claim_messages' then return plane.claim_messages(payload);
    when 'finish_message' then return plane.finish_message(payload);
    when 'claim_schedules' then return plane.claim_schedules(payload);
    when 'record_firings' then return plane.record_firings(payload);
    when 'start_queued' then return plane.start_queued(payload);
    when 'forget_triggered' then return plane.forget_triggered(payload);
    when 'time_out_escalation' then return plane.time_out_escalation(payload);
    when 'announce_escalations' then return plane.announce_escalations(payload);
    when 'claim_mails' then return plane.claim_mails(payload);
    when 'note_mail' then return plane.note_mail(payload);
    when 'meter_usage' then return plane.meter_usage(payload);
    when 'meter_requests' then return plane.meter_requests(payload);
    when 'watch_budgets' then return plane.watch_budgets(payload);
    when 'count_quotas' then return plane.count_quotas(payload);
    else
      perform plane.raise_error(404, 'unknown_verb', format('There is no kernel verb %s.', verb));
  end case;
  return null;
end;
$$;
