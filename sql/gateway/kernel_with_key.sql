-- The door for runners and the sweeper: a static list of kernel verbs, as plane_runner, which has no rights on tables.
-- Raises 401 · 403 wrong_kind · 404 unknown_verb, and what the verb raises.
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
    when 'get_violations' then return plane.get_violations(payload);
    else
      perform plane.raise_error(404, 'unknown_verb', format('There is no kernel verb %s.', verb));
  end case;
  return null;
end;
$$;
