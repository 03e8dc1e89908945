-- Lets a runner in, by the hex sha256 of its key. Again with the same key: the same row. Only for the owner of the database.
-- p_verbs: the only kernel verbs that it may call, as for a function that takes messages from outside; none: all.
create function gateway.create_runner_key(p_key_hash text, p_prefix text, p_verbs text[] default '{}')
returns uuid
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.api_keys (name, kind, key_hash, prefix, scopes)
  values ('runner', 'runner', sha256(decode(p_key_hash, 'hex')), p_prefix, p_verbs)
  on conflict (key_hash) do update set revoked_at = null, scopes = excluded.scopes
  returning id;
$$;

alter function gateway.create_runner_key(text, text, text[]) owner to plane_gateway;
