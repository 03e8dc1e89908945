-- An execution in a line of an inbox: how far it is, and what it waits for.
-- called by: get_inbox
create function plane.inbox_execution(p_execution plane.executions)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_execution.id,
    'workflow', (select w.name from plane.workflows as w where w.id = p_execution.workflow_id),
    'mode', p_execution.mode,
    'status', plane.execution_status(p_execution),
    'waiting_for', coalesce((
      select jsonb_agg(jsonb_build_object('path', w.path, 'kind', w.kind, 'name', w.name, 'until', w.deadline,
        'message', left(w.data ->> 'message', 300)) order by w.opened_at, w.token)
      from (
        select * from plane.waits as x
        where x.execution_id = p_execution.id and x.answered_at is null and not x.data ? 'timeout_of'
        order by x.opened_at, x.token
        limit 5
      ) as w), '[]'),
    'created_at', p_execution.created_at,
    'deadline_at', p_execution.deadline_at);
end;
$$;
