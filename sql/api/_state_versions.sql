-- Every version of a key that is kept, the one that counts too.
-- payload: {component, key} · Called by get_state_version and list_state_history.
create function plane.state_versions(payload jsonb)
returns table (
  component text, key text, value jsonb, version bigint, agent_id uuid, created_at timestamptz, updated_at timestamptz,
  ended_at timestamptz, ended_by text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select s.component, s.key, s.value, s.version, s.agent_id, s.created_at, s.updated_at,
    case when s.expires_at <= plane.clock() then s.expires_at end,
    case when s.expires_at <= plane.clock() then 'expired' end
  from plane.state as s
  where s.org_id = (select plane.caller_org()) and s.component = payload ->> 'component' and s.key = payload ->> 'key'
  union all
  select h.component, h.key, h.value, h.version, h.agent_id, h.created_at, h.updated_at, h.ended_at, h.ended_by
  from plane.state_history as h
  where h.org_id = (select plane.caller_org()) and h.component = payload ->> 'component' and h.key = payload ->> 'key';
$$;
