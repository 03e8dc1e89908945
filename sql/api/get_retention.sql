-- For how long the organisation keeps what its executions were given and gave.
-- payload: {} · answers: {payload_days, updated_at}; null: for ever, never set
create function api.get_retention(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select jsonb_build_object('payload_days', r.payload_days, 'updated_at', r.updated_at)
     from plane.retention as r where r.org_id = (select plane.caller_org())),
    '{"payload_days": null, "updated_at": null}');
$$;

insert into gateway.verbs values ('get_retention', 'data:manage', true);
