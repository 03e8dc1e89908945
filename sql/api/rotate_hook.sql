-- Gives a hook a new secret; what is signed with the former one is taken too for a while.
-- payload: {id, secret: sealed, overlap_seconds, is_standard: it can be one of Standard Webhooks} · answers: the hook
-- raises: 404 hook_not_found, 422 invalid_input
create function api.rotate_hook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook plane.hooks := plane.require_hook((payload ->> 'id')::uuid);
begin
  if v_hook.scheme = 'standard' and not (payload ->> 'is_standard')::boolean then
    perform plane.raise_error(422, 'invalid_input', 'A secret of the scheme standard is whsec_ and base64 of 24 to 64 bytes.',
      'Leave it out: one is made.', '{"errors": [{"pointer": "/secret", "code": "wrong_form", "message": "Must be whsec_ and base64 of 24 to 64 bytes."}]}');
  end if;
  update plane.hooks as h
  set
    former_secret = h.secret,
    former_until = plane.clock() + (payload ->> 'overlap_seconds')::int * interval '1 second',
    secret = payload -> 'secret',
    updated_at = plane.clock()
  where h.id = v_hook.id
  returning * into v_hook;
  perform plane.record_audit('rotate_hook', 'hooks', v_hook.id::text,
    jsonb_build_object('overlap_seconds', payload -> 'overlap_seconds'));
  return plane.hook_json(v_hook);
end;
$$;

insert into gateway.verbs values ('rotate_hook', 'triggers:write', false);
