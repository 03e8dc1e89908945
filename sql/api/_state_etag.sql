-- What If-Match compares. Called by state_json and match_state.
create function plane.state_etag(p_version bigint, p_updated_at timestamptz)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return p_version || '-' || to_hex((extract(epoch from p_updated_at) * 1000000)::bigint);
end;
$$;
