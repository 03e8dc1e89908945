-- Says that there is no such public verb: what anon calls holds no right on the rest of the plane, not even to raise its errors.
-- Called by api.call_public. Raises 404 unknown_verb.
create function gateway.refuse_public(p_verb text)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.raise_error(404, 'unknown_verb', format('There is no public verb %s.', p_verb));
  return null;
end;
$$;

alter function gateway.refuse_public(text) owner to plane_gateway;
