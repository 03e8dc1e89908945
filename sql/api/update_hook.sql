-- Changes the given fields of a hook. Switched off, its address is as if it were not there.
-- payload: {id, changes: {name?, target?, enabled?}} · answers: the hook · raises: 404 hook_not_found, 409 name_taken
create function api.update_hook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant plane.hooks := plane.require_hook((payload ->> 'id')::uuid);
  v_hook    plane.hooks;
begin
  update plane.hooks as h
  set
    name = coalesce(v_changes ->> 'name', h.name),
    target = coalesce(v_changes -> 'target', h.target),
    is_enabled = coalesce((v_changes ->> 'enabled')::boolean, h.is_enabled),
    updated_at = plane.clock()
  where h.id = v_before.id
  returning * into v_hook;
  perform plane.record_audit('update_hook', 'hooks', v_hook.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.hook_json(v_before), plane.hook_json(v_hook));
  return plane.hook_json(v_hook);
exception
  when unique_violation then
    perform plane.raise_name_taken('hook', v_changes ->> 'name');
    return null;
end;
$$;

insert into gateway.verbs values ('update_hook', 'triggers:write', false);
