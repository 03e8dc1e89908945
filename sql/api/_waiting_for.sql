-- What an execution waits for now: [{path, kind, name, until, opened_at, …what the wait says: message, show, form, outcomes}].
-- A child names its execution, so that whoever follows can look there. A working step that asks a person has asks: approval or policy;
-- what it carries over to itself is nobody's business.
create function plane.waiting_for(p_execution plane.executions)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(
    plane.with_money(case jsonb_typeof(w.data) when 'object' then w.data - 'carried' else w.data end) || jsonb_build_object(
      'path', w.path, 'kind', w.kind, 'name', w.name, 'opened_at', w.opened_at, 'until', w.deadline
    )
    || case when w.match is null then '{}' else jsonb_build_object('match', w.match) end
    || case when w.pending is null then '{}' else jsonb_build_object('pending', w.pending) end
    || case when w.kind <> 'child' then '{}' else coalesce((
      select jsonb_build_object('execution_id', c.id)
      from plane.executions as c
      where c.root_execution_id = p_execution.root_execution_id
        and c.parent_execution_id = p_execution.id
        and c.parent_path = w.path
      order by c.created_at desc
      limit 1
    ), '{}') end
    order by w.opened_at, w.token
  ), '[]')
  from plane.waits as w
  where w.execution_id = p_execution.id and w.answered_at is null
    and not w.data ? 'timeout_of'; -- the time limit of a group is nothing that it waits for
$$;
