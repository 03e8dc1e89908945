-- Sets quotas of the organisation. What it has already stays, whatever the new limit is.
-- payload: {quotas: {name: limit, or null: as much as it likes}, reset: [name, …]: back to the default}
-- answers: as get_limits · raises: 422 invalid_input
create function api.update_limits(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane.caller_org();
  v_before  constant jsonb := api.get_limits('{}') -> 'quotas';
  v_answer  jsonb;
begin
  insert into plane.quotas as q (org_id, name, max_value, updated_at)
  select v_org, w.key, (w.value #>> '{}')::bigint, plane.clock()
  from jsonb_each(coalesce(payload -> 'quotas', '{}')) as w
  order by w.key
  on conflict (org_id, name) do update set max_value = excluded.max_value, updated_at = excluded.updated_at;
  delete from plane.quotas
  where org_id = v_org and name in (select jsonb_array_elements_text(coalesce(payload -> 'reset', '[]')));
  v_answer := api.get_limits('{}');
  perform plane.record_audit('update_limits', 'limits', null, payload, v_before, v_answer -> 'quotas');
  return v_answer;
end;
$$;

insert into gateway.verbs values ('update_limits', 'limits:manage', false);
