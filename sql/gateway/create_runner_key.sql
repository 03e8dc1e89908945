-- Lets a runner in, by the hex sha256 of its key. Again with the same key: the same row. Only for the owner of the database.
create function gateway.create_runner_key(p_key_hash text, p_prefix text)
returns uuid
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.api_keys (name, kind, key_hash, prefix)
  values ('runner', 'runner', sha256(decode(p_key_hash, 'hex')), p_prefix)
  on conflict (key_hash) do update set revoked_at = null
  returning id;
$$;

alter function gateway.create_runner_key(text, text) owner to plane_gateway;
