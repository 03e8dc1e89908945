-- The wait that a signal of this name would answer now, so that its form can be checked first. Null when there is none.
-- payload: {execution_id, name}
-- answers: {kind, path, data} or null
-- raises: 403 missing_scope, 404 execution_not_found
create function api.get_open_wait(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_name      constant text := payload ->> 'name';  -- waits has a payload of its own
begin
  perform plane.require_signaller();
  return (
    select jsonb_build_object('kind', w.kind, 'path', w.path, 'data', w.data)
    from plane.waits as w
    where w.execution_id = v_execution.id and w.name = v_name and w.answered_at is null
      and w.kind in ('approval', 'unknown', 'event', 'budget')
    order by w.opened_at, w.token
    limit 1
  );
end;
$$;

insert into gateway.verbs values ('get_open_wait', '', true);
