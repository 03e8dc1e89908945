-- What a retry chooses from: the document, and how each step of the latest gen ended.
-- payload: {execution_id}
-- answers: {gen, document, records: [{path, status, reason}]}; reason is the code of why a step was skipped or cancelled
-- raises: 404 execution_not_found
create function api.get_retry_basis(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  return jsonb_build_object(
    'gen', v_execution.gen,
    'document', (select v.document from plane.workflow_versions as v where v.id = v_execution.version_id),
    'records', coalesce((
      select jsonb_agg(jsonb_build_object('path', c.path, 'status', c.status, 'reason', c.details #>> '{reason,code}'))
      from plane.checkpoints as c
      where c.execution_id = v_execution.id and c.gen = v_execution.gen
    ), '[]'));
end;
$$;

insert into gateway.verbs values ('get_retry_basis', 'executions:write', true);
