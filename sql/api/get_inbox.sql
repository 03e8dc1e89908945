-- What an agent should know when it wakes up, in one call: only what its key may read; the rest is named in withheld.
-- payload: {agent: id or name, since?: answers count from then on; else of a day, limit = 50: of each kind}
-- answers: {agent, since, waiting, executions, handoffs: {held, offered, sent}, escalations, budgets, state, memories, withheld}
-- raises: 404 agent_not_found
-- uses: executions_open_by_agent, escalations_of_an_agent, state_by_agent, memories_by_agent, handoffs_held, handoffs_offered, handoffs_sent
create function api.get_inbox(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_scopes constant text[] := '{executions:read,handoffs:read,escalations:read,observe:read,state:read,memory:read}';
  v_org    constant uuid := plane.caller_org();
  v_limit  constant int := coalesce((payload ->> 'limit')::int, 50);
  v_since  constant timestamptz := coalesce((payload ->> 'since')::timestamptz, plane.clock() - interval '1 day');
  v_agent  constant plane.agents := plane.find_agent(plane.agent_of(payload ->> 'agent'), payload ->> 'agent');
begin
  return jsonb_build_object(
    'agent', jsonb_build_object('id', v_agent.id, 'name', v_agent.name, 'status', v_agent.status,
      'health', plane.agent_health(v_agent.lease_seconds, v_agent.last_seen_at),
      'lease_until', v_agent.last_seen_at + make_interval(secs => v_agent.lease_seconds)),
    'since', v_since,
    'waiting', plane.waiting_work(v_agent.id, v_since),
    'executions', case when plane.caller_has_scope('executions:read') then coalesce((
      select jsonb_agg(plane.inbox_execution(e) order by e.created_at desc, e.id desc)
      from (
        select * from plane.executions as x
        where x.org_id = v_org and x.agent_id = v_agent.id and x.status = 'running'
        order by x.created_at desc
        limit v_limit
      ) as e), '[]') end,
    'handoffs', case when plane.caller_has_scope('handoffs:read') then plane.inbox_handoffs(v_agent.id, v_limit) end,
    'escalations', case when plane.caller_has_scope('escalations:read') then coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', x.id, 'kind', x.kind, 'status', x.status, 'priority', x.priority, 'reason', left(x.reason, 500), 'outcome', x.outcome,
        'answer', case when octet_length(x.answer::text) <= 2000 then x.answer end, 'comment', left(x.comment, 500),
        'execution_id', x.execution_id, 'path', x.path, 'deadline', x.deadline, 'created_at', x.created_at, 'decided_at', x.decided_at)
        order by x.decided_at desc nulls last, x.rank, x.created_at desc, x.id)
      from (
        select * from plane.escalations as y
        where y.org_id = v_org and y.agent_id = v_agent.id
          and (y.decided_at is null or (y.decided_at >= v_since and y.status <> 'cancelled'))
        order by y.created_at desc, y.id
        limit v_limit
      ) as x), '[]') end,
    'budgets', case when plane.caller_has_scope('observe:read') then coalesce((
      select jsonb_agg(b - '{raised_usd,warn_at}'::text[] || jsonb_build_object(
        'limit_usd', b ->> 'limit_usd', 'spent_usd', b ->> 'spent_usd',
        'left_usd', greatest(0, (b ->> 'limit_usd')::numeric - (b ->> 'spent_usd')::numeric)::numeric(18, 9)::text))
      from jsonb_array_elements(plane.budget_states(v_org)) as b
      where b ->> 'scope' = 'organisation' or b ->> 'agent_id' = v_agent.id::text), '[]') end,
    'state', case when plane.caller_has_scope('state:read') then coalesce((
      select jsonb_agg(jsonb_build_object(
        'component', s.component, 'key', s.key, 'version', s.version, 'updated_at', s.updated_at,
        'value', case when octet_length(s.value::text) <= 2000 then s.value end) order by s.updated_at desc, s.component, s.key)
      from (
        select * from plane.state as t
        where t.org_id = v_org and t.agent_id = v_agent.id and coalesce(t.expires_at > plane.clock(), true)
        order by t.updated_at desc
        limit v_limit
      ) as s), '[]') end,
    'memories', case when plane.caller_has_scope('memory:read') then coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', m.id, 'namespace', m.namespace, 'key', m.key, 'content', left(m.content, 500), 'created_at', m.created_at)
        order by m.created_at desc, m.id)
      from (
        select * from plane.memories as n
        where n.org_id = v_org and n.agent_id = v_agent.id and coalesce(n.expires_at > plane.clock(), true)
        order by n.created_at desc
        limit v_limit
      ) as m), '[]') end,
    'withheld', (select coalesce(jsonb_agg(s), '[]') from unnest(c_scopes) as s where not plane.caller_has_scope(s)));
end;
$$;

insert into gateway.verbs values ('get_inbox', 'agents:read', true);
