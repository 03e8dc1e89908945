-- Adds a hook.
-- payload: {id, name, token, scheme, verification, target, enabled?, secret: sealed} · answers: the hook · raises: 409 name_taken
create function api.create_hook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook plane.hooks;
begin
  insert into plane.hooks (id, org_id, name, token, scheme, verification, target, is_enabled, secret, created_by)
  values (
    (payload ->> 'id')::uuid, plane.caller_org(), payload ->> 'name', payload ->> 'token', payload ->> 'scheme',
    coalesce(payload -> 'verification', '{}'), payload -> 'target', coalesce((payload ->> 'enabled')::boolean, true),
    payload -> 'secret', coalesce(plane.caller_actor(), '{}'))
  on conflict (org_id, name) do nothing
  returning * into v_hook;
  if v_hook.id is null then
    perform plane.raise_name_taken('hook', payload ->> 'name');
  end if;
  perform plane.check_quota('hooks');
  perform plane.record_audit('create_hook', 'hooks', v_hook.id::text,
    jsonb_build_object('name', v_hook.name, 'scheme', v_hook.scheme), null, plane.hook_json(v_hook));
  return plane.hook_json(v_hook);
end;
$$;

insert into gateway.verbs values ('create_hook', 'triggers:write', false);
