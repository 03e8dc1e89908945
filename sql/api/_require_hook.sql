-- The caller's hook of this id.
-- raises: 404 hook_not_found
create function plane.require_hook(p_id uuid)
returns plane.hooks
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook plane.hooks;
begin
  select * into v_hook from plane.hooks where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'hook_not_found', format('There is no hook %s.', p_id), 'List the hooks.',
      '{"next": [{"why": "list the hooks", "method": "GET", "path": "/api/hooks"}]}');
  end if;
  return v_hook;
end;
$$;
