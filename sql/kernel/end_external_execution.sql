-- Ends one of the caller's external executions, as its own runner reports it.
--
-- p: {execution_id, status: succeeded | failed | cancelled, output?, error?, cost_usd?}
-- Answers {status, is_new}; is_new false: it had ended already, as status says, and nothing is changed.
-- Called by api.update_execution. Raises 404 · 409 not_external · 422 invalid_status.
create function plane.end_external_execution(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions := plane._require_execution((p ->> 'execution_id')::uuid);
begin
  select * into v_execution from plane.executions where id = v_execution.id for no key update;
  if v_execution.mode <> 'external' then
    perform plane.raise_error(409, 'not_external', 'The engine runs this execution; its status is not reported.', 'Cancel it instead.');
  elsif coalesce(p ->> 'status', '') not in ('succeeded', 'failed', 'cancelled') then
    perform plane.raise_error(422, 'invalid_status', 'An external execution ends as succeeded, failed or cancelled.');
  elsif v_execution.status <> 'running' then
    return jsonb_build_object('status', v_execution.status, 'is_new', false);
  end if;
  perform plane._end_executions(array[v_execution.id], array[p]);
  if p ? 'cost_usd' then
    update plane.executions
    set cost_usd = (p ->> 'cost_usd')::numeric, known_cost_usd = coalesce((p ->> 'cost_usd')::numeric, 0)
    where id = v_execution.id;
  end if;
  return jsonb_build_object('status', p -> 'status', 'is_new', true);
end;
$$;

alter function plane.end_external_execution(jsonb) owner to plane_kernel;
