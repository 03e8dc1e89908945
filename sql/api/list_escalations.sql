-- A page of escalations: the urgent first, then the oldest.
-- payload: {limit, cursor: {rank, at, id} | null, status?, is_open?, priority?, kind?, execution_id?, agent_id?, is_mine?, is_answerable?}
-- is_open: open and claimed ones · is_mine: assigned to the calling person, or taken by the caller · is_answerable: the caller may answer it
-- answers: {data, next} · uses: escalations_by_rank, escalations_by_status, escalations_of_an_execution
create function api.list_escalations(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- each set of filters has its own index
as $$
declare
  v_org       constant uuid := plane.caller_org();
  v_limit     constant int := (payload ->> 'limit')::int;
  v_rank      constant int := coalesce((payload -> 'cursor' ->> 'rank')::int, -1);
  v_at        constant timestamptz := coalesce((payload -> 'cursor' ->> 'at')::timestamptz, '-infinity');
  v_id        constant uuid := coalesce((payload -> 'cursor' ->> 'id')::uuid, '00000000-0000-0000-0000-000000000000');
  v_status    constant text := payload ->> 'status';
  v_execution constant uuid := (payload ->> 'execution_id')::uuid;
  v_agent     constant uuid := (payload ->> 'agent_id')::uuid;
  v_me        constant text := plane.caller_id();
  v_page      plane.escalations[];
begin
  select array_agg(e order by e.rank, e.created_at, e.id) into v_page
  from (
    select x.*
    from plane.escalations as x
    where x.org_id = v_org
      and (v_status is null or x.status = v_status)
      and (payload ->> 'is_open' is null or (x.decided_at is null) = (payload ->> 'is_open')::boolean)
      and (payload ->> 'priority' is null or x.priority = payload ->> 'priority')
      and (payload ->> 'kind' is null or x.kind = payload ->> 'kind')
      and (v_execution is null or x.execution_id = v_execution)
      and (v_agent is null or x.agent_id = v_agent)
      and (payload -> 'is_mine' is distinct from 'true' or x.claimed_by ->> 'id' = v_me
        or (plane.caller_person() is not null and x.assign_to <> '[]' and plane.is_assigned(x.assign_to, plane.caller_claims())))
      and (payload -> 'is_answerable' is distinct from 'true' or (x.decided_at is null and plane.refusal_to_answer(x) is null))
      and (x.rank, x.created_at, x.id) > (v_rank, v_at, v_id)
    order by x.rank, x.created_at, x.id
    limit v_limit + 1
  ) as e;

  return jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(plane.escalation_json(v_page[i], false) order by i)
      from generate_series(1, least(v_limit, coalesce(cardinality(v_page), 0))) as i
    ), '[]'),
    'next', case when cardinality(v_page) > v_limit then jsonb_build_object(
      'rank', v_page[v_limit].rank, 'at', v_page[v_limit].created_at, 'id', v_page[v_limit].id) end
  );
end;
$$;

insert into gateway.verbs values ('list_escalations', 'escalations:read', true);
