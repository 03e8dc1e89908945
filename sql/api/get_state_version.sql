-- A value as it was: by version, or at a time. Versions are kept for 30 days, about a megabyte of a key.
-- payload: {component, key, version | as_of} · answers: the value, with ended_at and ended_by (null: it still counts)
-- raises: 404 state_version_not_found
create function api.get_state_version(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version constant bigint := (payload ->> 'version')::bigint;
  v_as_of   constant timestamptz := (payload ->> 'as_of')::timestamptz;
  v_found   jsonb;
begin
  select to_jsonb(v) into v_found
  from plane.state_versions(payload) as v
  where v.version = v_version or (v.updated_at <= v_as_of and (v.ended_at is null or v.ended_at > v_as_of))
  order by v.version desc
  limit 1;
  if v_found is null then
    perform plane.raise_error(404, 'state_version_not_found',
      format('%s/%s has no value %s that is still kept.', payload ->> 'component', payload ->> 'key',
        case when v_as_of is null then 'of version ' || v_version else 'of ' || plane.time_text(v_as_of) end),
      'GET /api/state/history lists what is kept.');
  end if;
  return v_found;
end;
$$;

insert into gateway.verbs values ('get_state_version', 'state:read', true);
