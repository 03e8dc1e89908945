-- A page of the organisation's audit, the newest first.
-- payload: {limit, cursor: {id} | null, action?, resource?, resource_id?, actor_id?, actor_kind?, trace_id?, since?, until?}
-- actor_id: who did it, or on whose behalf · answers: {data, next} · uses: audit_entries_pkey, audit_entries_by_resource
create function api.list_audit(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org      constant uuid := plane.caller_org();
  v_limit    constant int := (payload ->> 'limit')::int;
  v_before   constant bigint := coalesce((payload -> 'cursor' ->> 'id')::bigint, 9223372036854775807);
  v_action   constant text := payload ->> 'action';
  v_resource constant text := payload ->> 'resource';
  v_id       constant text := payload ->> 'resource_id';
  v_actor    constant uuid := (payload ->> 'actor_id')::uuid;
  v_kind     constant text := payload ->> 'actor_kind';
  v_trace    constant text := payload ->> 'trace_id';
  v_since    constant timestamptz := coalesce((payload ->> 'since')::timestamptz, '-infinity');
  v_until    constant timestamptz := coalesce((payload ->> 'until')::timestamptz, 'infinity');
begin
  return (
    with page as (
      select a
      from plane.audit_entries as a
      where a.org_id = v_org and a.id < v_before
        and (v_action is null or a.action = v_action)
        and (v_resource is null or a.resource = v_resource)
        and (v_id is null or a.resource_id = v_id)
        and (v_actor is null or a.actor_id = v_actor or (a.on_behalf ->> 'id')::uuid = v_actor)
        and (v_kind is null or a.actor_kind = v_kind)
        and (v_trace is null or a.trace_id = v_trace)
        and a.at >= v_since and a.at < v_until
      order by a.id desc
      limit v_limit + 1
    ),
    shown as (
      select (p.a).id as id, plane.audit_json(p.a) as row from page as p order by (p.a).id desc limit v_limit
    )
    select jsonb_build_object(
      'data', coalesce(jsonb_agg(s.row order by s.id desc), '[]'),
      'next', case when (select count(*) from page) > v_limit then jsonb_build_object('id', min(s.id)) end)
    from shown as s
  );
end;
$$;

insert into gateway.verbs values ('list_audit', 'audit:read', true);
