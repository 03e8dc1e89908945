-- A page of an execution's steps, one row a path: what ended in the order of its ending, then what runs, then what waits.
-- payload: {execution_id, limit, cursor: {phase, feed_id, path} | null, path?}
-- path names one step, or a group or for_each with all that is below it.
-- answers: {data, next}; a page's outputs come along up to 4 MB together, later ones as output_ref
-- raises: 404 execution_not_found
create function api.list_steps(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_limit     constant int := (payload ->> 'limit')::int;
begin
  return (
    with page as (
      select r.*, row_number() over (order by r.phase, r.feed_id, r.path) as place
      from plane.step_rows(v_execution, nullif(payload -> 'cursor', 'null'), payload ->> 'path', v_limit + 1) as r
    ),
    -- Only as many large outputs as one answer can carry.
    sized as (
      select p.*, y.body,
        sum(coalesce(octet_length(y.body::text), 0)) over (order by p.place) as bytes
      from page as p
      left join plane.payloads as y on y.org_id = v_execution.org_id and y.hash = p.output_ref
      where p.place <= v_limit
    )
    select jsonb_build_object(
      'data', coalesce(jsonb_agg(
        s.step || case
          when s.output_ref is null or s.bytes <= 4000000 then jsonb_build_object('output', coalesce(s.output, s.body))
          else jsonb_build_object('output', null, 'output_ref', encode(s.output_ref, 'hex'))
        end
        order by s.place), '[]'),
      'next', case when (select count(*) from page) > v_limit then (
        select jsonb_build_object('phase', p.phase, 'feed_id', p.feed_id, 'path', p.path) from page as p where p.place = v_limit
      ) end)
    from sized as s
  );
end;
$$;

insert into gateway.verbs values ('list_steps', 'executions:read', true);
