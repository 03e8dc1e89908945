-- A page of hand-offs, the newest first.
-- payload: {limit, cursor: {at, id} | null, to_agent?, from_agent?, agent_id?, status?, workflow_id?, execution_id?, parent_id?, offered_to?}
-- offered_to: only what this agent may take now, the oldest first, one page · answers: {data, next}
-- uses: handoffs_recent, handoffs_offered, handoffs_by_agent, handoffs_of_an_execution, handoffs_below
create function api.list_handoffs(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- each set of filters has its own index
as $$
declare
  v_org       constant uuid := plane.caller_org();
  v_limit     constant int := (payload ->> 'limit')::int;
  v_at        constant timestamptz := coalesce((payload -> 'cursor' ->> 'at')::timestamptz, 'infinity');
  v_id        constant uuid := coalesce((payload -> 'cursor' ->> 'id')::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_to        constant uuid := (payload ->> 'to_agent')::uuid;
  v_from      constant uuid := (payload ->> 'from_agent')::uuid;
  v_agent     constant uuid := (payload ->> 'agent_id')::uuid;
  v_status    constant text := payload ->> 'status';
  v_workflow  constant uuid := (payload ->> 'workflow_id')::uuid;
  v_execution constant uuid := (payload ->> 'execution_id')::uuid;
  v_parent    constant uuid := (payload ->> 'parent_id')::uuid;
  v_page      plane.handoffs[];
begin
  if payload ->> 'offered_to' is not null then
    return jsonb_build_object('next', null, 'data', coalesce((
      select jsonb_agg(plane.handoff_json(h) order by h.created_at, h.id)
      from plane.offered_handoffs((payload ->> 'offered_to')::uuid, v_limit) as h), '[]'));
  end if;
  select array_agg(h order by h.created_at desc, h.id desc) into v_page
  from (
    select x.*
    from plane.handoffs as x
    where x.org_id = v_org
      and (v_to is null or x.to_agent_id = v_to)
      and (v_from is null or x.from_agent_id = v_from)
      and (v_agent is null or x.agent_id = v_agent)
      and (v_status is null or x.status = v_status)
      and (v_workflow is null or x.workflow_id = v_workflow)
      and (v_execution is null or x.execution_id = v_execution)
      and (v_parent is null or x.parent_id = v_parent)
      and (x.created_at, x.id) < (v_at, v_id)
    order by x.created_at desc, x.id desc
    limit v_limit + 1
  ) as h;

  return jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(plane.handoff_json(v_page[i]) order by i)
      from generate_series(1, least(v_limit, coalesce(cardinality(v_page), 0))) as i
    ), '[]'),
    'next', case when cardinality(v_page) > v_limit then jsonb_build_object(
      'at', v_page[v_limit].created_at, 'id', v_page[v_limit].id) end
  );
end;
$$;

insert into gateway.verbs values ('list_handoffs', 'handoffs:read', true);
