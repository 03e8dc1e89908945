-- Deletes a hook with its messages.
-- payload: {id} · answers: {id} · raises: 404 hook_not_found
create function api.delete_hook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook constant plane.hooks := plane.require_hook((payload ->> 'id')::uuid);
begin
  delete from plane.hooks where id = v_hook.id;
  perform plane.record_audit('delete_hook', 'hooks', v_hook.id::text, jsonb_build_object('name', v_hook.name), plane.hook_json(v_hook));
  return jsonb_build_object('id', v_hook.id);
end;
$$;

insert into gateway.verbs values ('delete_hook', 'triggers:write', false);
