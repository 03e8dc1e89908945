-- Notes that a key was used, and keeps it by the current pepper, and never waits for another request that notes the same.
-- Called by gateway.authenticate, at most once a minute for a key. p_key_hash: of the current pepper.
create function gateway._note_use(p_key_id uuid, p_key_hash text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.api_keys
  set last_used_at = plane.clock(), key_hash = sha256(decode(p_key_hash, 'hex'))
  where id = (select id from plane.api_keys where id = p_key_id for no key update skip locked);
end;
$$;

alter function gateway._note_use(uuid, text) owner to plane_gateway;
