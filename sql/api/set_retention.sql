-- Sets for how long the organisation keeps what its executions were given and gave.
-- payload: {payload_days: int | null} · answers: as api.get_retention
create function api.set_retention(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before constant jsonb := api.get_retention('{}');
  v_after  jsonb;
begin
  insert into plane.retention as r (org_id, payload_days)
  values (plane.caller_org(), (payload ->> 'payload_days')::int)
  on conflict (org_id) do update set payload_days = excluded.payload_days, updated_at = plane.clock();
  v_after := api.get_retention('{}');
  perform plane.record_audit('set_retention', 'organisations', plane.caller_org()::text,
    jsonb_build_object('payload_days', payload -> 'payload_days'), v_before, v_after);
  return v_after;
end;
$$;

insert into gateway.verbs values ('set_retention', 'data:manage', false);
