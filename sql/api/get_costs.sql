-- What model calls cost in a time, in groups, the dearest first.
-- payload: {group_by: provider | model | workflow | agent | step, from?, to?, limit}; the last 30 days when no from is given
-- answers: {group_by, from, to, data: [{group, …, calls, unknown_calls, cost_usd, known_cost_usd, share}], total, is_truncated}
-- cost_usd is null as soon as one price in the group is unknown; known_cost_usd is the sum of the others.
create function api.get_costs(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by   constant text := payload ->> 'group_by';
  v_to   constant timestamptz := coalesce((payload ->> 'to')::timestamptz, plane.clock());
  v_from constant timestamptz := coalesce((payload ->> 'from')::timestamptz, v_to - interval '30 days');
begin
  return (
    with spent as (
      select s.*, e.agent_id, w.name as workflow, a.name as agent, regexp_replace(s.path, '\[\d+\]', '', 'g') as step
      from plane.spending(v_from, v_to) as s
      join plane.executions as e on e.id = s.execution_id
      join plane.workflows as w on w.id = e.workflow_id
      left join plane.agents as a on a.id = e.agent_id
    ),
    keyed as (
      select s.*,
        case v_by
          when 'provider' then jsonb_build_object('group', s.provider, 'provider', s.provider)
          when 'model' then jsonb_build_object('group', s.model, 'model', s.model)
          when 'workflow' then jsonb_build_object('group', s.workflow, 'workflow', s.workflow)
          when 'agent' then jsonb_build_object('group', s.agent, 'agent', s.agent, 'agent_id', s.agent_id)
          else jsonb_build_object('group', concat_ws('/', s.workflow, s.step), 'workflow', s.workflow, 'step', s.step)
        end as key
      from spent as s
    ),
    grouped as (
      select k.key, count(*) as calls, count(distinct k.execution_id) as executions,
        sum(k.input_tokens) as input_tokens, sum(k.output_tokens) as output_tokens,
        coalesce(sum(k.cost_usd), 0)::numeric(18, 9) as known_cost_usd,
        count(*) filter (where k.is_cost_unknown) as unknown_calls
      from keyed as k
      group by k.key
    ),
    total as (
      select coalesce(sum(g.calls), 0) as calls, coalesce(sum(g.unknown_calls), 0) as unknown_calls,
        coalesce(sum(g.known_cost_usd), 0)::numeric(18, 9) as known_cost_usd,
        sum(g.input_tokens) as input_tokens, sum(g.output_tokens) as output_tokens, count(*) as groups
      from grouped as g
    )
    select jsonb_build_object(
      'group_by', v_by, 'from', v_from, 'to', v_to,
      'data', coalesce((
        select jsonb_agg(d.key || jsonb_build_object(
          'calls', d.calls, 'executions', d.executions,
          'input_tokens', d.input_tokens, 'output_tokens', d.output_tokens,
          'unknown_calls', d.unknown_calls,
          'cost_usd', case when d.unknown_calls = 0 then d.known_cost_usd::text end,
          'known_cost_usd', d.known_cost_usd::text,
          'share', case when t.known_cost_usd > 0 then round(d.known_cost_usd / t.known_cost_usd, 4) end
        ) order by d.known_cost_usd desc, d.calls desc, d.key)
        from (select * from grouped as g order by g.known_cost_usd desc, g.calls desc, g.key limit (payload ->> 'limit')::int) as d
      ), '[]'),
      'total', jsonb_build_object(
        'calls', t.calls, 'unknown_calls', t.unknown_calls, 'input_tokens', t.input_tokens, 'output_tokens', t.output_tokens,
        'cost_usd', case when t.unknown_calls = 0 then t.known_cost_usd::text end,
        'known_cost_usd', t.known_cost_usd::text),
      'is_truncated', t.groups > (payload ->> 'limit')::int)
    from total as t
  );
end;
$$;

insert into gateway.verbs values ('get_costs', 'observe:read', true);
