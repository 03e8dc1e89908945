-- Forgets one memory by id, or all of a namespace.
-- payload: {id} | {namespace} · answers: {deleted} · raises: 404 memory_not_found
create function api.delete_memory(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_deleted int;
begin
  delete from plane.memories
  where org_id = plane.caller_org()
    and (id = (payload ->> 'id')::uuid or (payload ->> 'id' is null and namespace = payload ->> 'namespace'));
  get diagnostics v_deleted = row_count;
  if v_deleted = 0 then
    perform plane.raise_error(404, 'memory_not_found',
      format('There is nothing to forget under %s.', coalesce(payload ->> 'id', payload ->> 'namespace')),
      'GET /api/memory/namespaces lists what there is.');
  end if;
  perform plane.record_audit('delete_memory', 'memory', coalesce(payload ->> 'id', payload ->> 'namespace'),
    jsonb_build_object('deleted', v_deleted));
  return jsonb_build_object('deleted', v_deleted);
end;
$$;

insert into gateway.verbs values ('delete_memory', 'memory:write', false);
