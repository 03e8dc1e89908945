-- All there is to know of how an execution went, without outputs: for its trace, its explanation and its retry.
-- payload: {execution_id, with_document?}
-- answers: {execution, document?, steps: [as list_steps, at most 20,000], is_truncated}
-- raises: 404 execution_not_found
create function api.get_trace(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  return (
    with listed as (
      select r.* from plane.step_rows(v_execution, null, null, 20001) as r
    )
    select jsonb_build_object(
      'execution', plane.execution_json(v_execution, false),
      'document', case when (payload ->> 'with_document')::boolean then (
        select v.document from plane.workflow_versions as v where v.id = v_execution.version_id) end,
      'now', plane.clock(),
      'steps', coalesce((
        select jsonb_agg(l.step order by l.phase, l.feed_id, l.path)
        from (select * from listed order by phase, feed_id, path limit 20000) as l), '[]'),
      'is_truncated', (select count(*) from listed) > 20000)
  );
end;
$$;

insert into gateway.verbs values ('get_trace', 'executions:read', true);
