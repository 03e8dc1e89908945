-- One memory by id, if it has not expired. payload: {id} · raises: 404 memory_not_found
create function api.get_memory(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory plane.memories;
begin
  select * into v_memory
  from plane.memories
  where id = (payload ->> 'id')::uuid and org_id = plane.caller_org() and (expires_at is null or expires_at > plane.clock());
  if not found then
    perform plane.raise_error(404, 'memory_not_found', format('There is no memory %s, or it has expired.', payload ->> 'id'),
      'Search its namespace with POST /api/memory/search.');
  end if;
  return plane.memory_json(v_memory);
end;
$$;

insert into gateway.verbs values ('get_memory', 'memory:read', true);
