-- What a message that came to this address has to be checked against; null when there is no such address, or it is switched off.
--
-- p: {token} · answers {hook_id, org_id, scheme, verification, secret, former_secret}
create function plane.find_hook(p jsonb)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'hook_id', h.id,
    'org_id', h.org_id,
    'scheme', h.scheme,
    'verification', h.verification,
    'secret', h.secret,
    'former_secret', case when h.former_until > plane.clock() then h.former_secret end)
  from plane.hooks as h
  where h.token = p ->> 'token' and h.is_enabled;
$$;

alter function plane.find_hook(jsonb) owner to plane_kernel;
