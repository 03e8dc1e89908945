-- Notes that a key was used, and never waits for another request that notes the same.
-- Called by gateway.authenticate, at most once a minute for a key.
create function gateway._note_use(p_key_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.api_keys
  set last_used_at = plane.clock()
  where id = (select id from plane.api_keys where id = p_key_id for no key update skip locked);
end;
$$;

alter function gateway._note_use(uuid) owner to plane_gateway;
