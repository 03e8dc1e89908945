-- A page of a key's versions, the newest first, also after it was deleted.
-- payload: {component, key, limit, cursor: {version} | null} · answers: {data, next}
create function api.list_state_history(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with found as (
    select v.*, row_number() over (order by v.version desc) as place
    from plane.state_versions(payload) as v
    where payload -> 'cursor' ->> 'version' is null or v.version < (payload -> 'cursor' ->> 'version')::bigint
    order by v.version desc
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(to_jsonb(f) - 'place' order by f.place) filter (where f.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int
      then jsonb_build_object('version', min(f.version) filter (where f.place <= (payload ->> 'limit')::int)) end)
  from found as f;
$$;

insert into gateway.verbs values ('list_state_history', 'state:read', true);
