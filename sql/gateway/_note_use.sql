-- Notes that a key was used, at most once a minute, and never waits for another request that notes the same.
-- Called by gateway.authenticate.
create function gateway._note_use(p_key plane.api_keys)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_key.last_used_at > plane.clock() - interval '1 minute' then
    return;
  end if;
  update plane.api_keys
  set last_used_at = plane.clock()
  where id = (select id from plane.api_keys where id = p_key.id for no key update skip locked);
end;
$$;

alter function gateway._note_use(plane.api_keys) owner to plane_gateway;
