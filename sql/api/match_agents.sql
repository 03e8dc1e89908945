-- Ranks the agents that can do what is needed and shows every share of the score; docs/agents.md tells how each is made.
-- The 100 most relevant are scored: of equal ones those whose work succeeds. Always in the same order: score, then name.
-- payload: {need, skills, tags, input_schema, input, exclude: [id or name], weights: {share: number}, limit}, all but limit optional
-- answers: {data: [{agent, score, shares, reasons}], weights: of the shares that count, excluded: [{id, name, why}], considered}
-- uses: agent_terms_pkey, agents_recent, agent_records_of, executions_open_by_agent, handoffs_held
create function api.match_agents(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- what is asked for decides what is read
as $$
declare
  v_org     constant uuid := plane.caller_org();
  v_weights constant jsonb := plane.match_weights(payload);
  v_asks    constant boolean := v_weights ?| '{skill,text,tag,schema}';
  v_exclude constant uuid[] := array(select plane.agent_of(e) from jsonb_array_elements_text(payload -> 'exclude') as e);
  v_offered constant jsonb := plane.offered_types(payload -> 'input_schema', payload -> 'input');
  v_answer  jsonb;
begin
  with asked as materialized (
    select * from plane.match_asked(payload)
  ), hits as materialized (
    select distinct on (t.agent_id, a.kind, a.asked) t.agent_id, a.kind, a.asked, a.term, a.likeness * t.weight as hit, a.rarity
    from asked as a
    join plane.agent_terms as t on t.org_id = v_org and t.kind = a.kind and t.term = a.term
    order by t.agent_id, a.kind, a.asked, a.likeness * t.weight desc, a.term
  ), whole as (
    select count(distinct asked) filter (where kind = 'skill') as skills, count(distinct asked) filter (where kind = 'tag') as tags,
      count(distinct asked) filter (where kind = 'field') as fields,
      (select sum(w.rarity) from (select distinct asked, rarity from asked where kind = 'word') as w) as words
    from asked
  ), relevant as (
    select h.agent_id,
      coalesce(sum(h.hit) filter (where h.kind = 'skill') / nullif(max(w.skills), 0), 0) as skill,
      coalesce(sum(h.hit) filter (where h.kind = 'tag') / nullif(max(w.tags), 0), 0) as tag,
      coalesce(sum(h.hit * h.rarity) filter (where h.kind = 'word') / max(w.words), 0) as text,
      coalesce(sum(h.hit) filter (where h.kind = 'field') / nullif(max(w.fields), 0), 0) as field
    from hits as h
    cross join whole as w
    group by h.agent_id
    union all
    select a.id, 0, 0, 0, 0 from plane.agents as a where not v_asks and a.org_id = v_org and a.deleted_at is null
  ), candidates as materialized (
    select r.*, a.status, a.name, plane.agent_health(a.lease_seconds, a.last_seen_at) as health, a.last_seen_at,
      (coalesce(d.succeeded, 0) + 1.0) / (coalesce(d.succeeded + d.failed, 0) + 2) as rate, d.succeeded, d.failed, d.p50_ms, d.mean_usd,
      r.skill * coalesce((v_weights ->> 'skill')::float8, 0) + r.tag * coalesce((v_weights ->> 'tag')::float8, 0)
      + r.text * coalesce((v_weights ->> 'text')::float8, 0) + r.field * coalesce((v_weights ->> 'schema')::float8, 0) as relevance
    from relevant as r
    join plane.agents as a on a.org_id = v_org and a.id = r.agent_id and a.deleted_at is null
    left join plane.agent_records as d on d.org_id = v_org and d.agent_id = r.agent_id
  ), kept as materialized (
    select c.*, plane.wilson(c.succeeded, c.failed) as success,
      (
        select count(*) from plane.executions as e where e.org_id = v_org and e.agent_id = c.agent_id and e.status = 'running'
      ) + (
        select count(*) from plane.handoffs as h where h.org_id = v_org and h.agent_id = c.agent_id and h.status in ('claimed', 'accepted')
      ) as open_work,
      case when v_weights ? 'schema' then (
        select plane.schema_fit(a.capabilities, v_offered) from plane.agents as a where a.org_id = v_org and a.id = c.agent_id) end as fit
    from (
      select * from candidates
      where status = 'active' and health <> 'lost' and agent_id <> all (v_exclude)
      order by relevance desc, rate desc, name collate "C"
      limit 100
    ) as c
  ), scored as (
    select k.*, s.shares, (
      select round(sum((s.shares ->> w.key)::numeric * w.value::numeric), 4)
      from jsonb_each_text(v_weights) as w) as score
    from kept as k
    cross join lateral (
      select jsonb_build_object(
        'skill', case when v_weights ? 'skill' then round(k.skill::numeric, 4) end,
        'text', case when v_weights ? 'text' then round(k.text::numeric, 4) end,
        'tag', case when v_weights ? 'tag' then round(k.tag::numeric, 4) end,
        'schema', round(k.fit::numeric, 4),
        'health', case k.health when 'active' then 1.0 else 0.4 end,
        'success', round(k.success::numeric, 4),
        'latency', round(coalesce(1 / (1 + k.p50_ms / 60000.0), 0.5), 4),
        'cost', round(coalesce(1 / (1 + k.mean_usd / 0.10), 0.5), 4),
        'load', round(1 / (1 + k.open_work / 4.0), 4)) as shares
    ) as s
  ), ranked as (
    select * from scored order by score desc, name collate "C" limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(jsonb_build_object(
        'agent', plane.agent_json(a) || jsonb_build_object('skills', plane.agent_skills(a.capabilities)),
        'score', r.score,
        'shares', r.shares,
        'reasons', plane.match_reasons(
          (select jsonb_agg(to_jsonb(h) order by h.kind, h.asked) from hits as h where h.agent_id = r.agent_id),
          to_jsonb(r)))
        order by r.score desc, r.name collate "C")
      from ranked as r
      join plane.agents as a on a.id = r.agent_id), '[]'),
    'weights', v_weights,
    'excluded', coalesce((
      select jsonb_agg(jsonb_build_object('id', e.agent_id, 'name', e.name, 'why', case
          when e.agent_id = any (v_exclude) then 'you excluded it'
          when e.status <> 'active' then format('its status is %s', e.status)
          else format('it is lost: last seen %s', plane.time_text(e.last_seen_at)) end)
        order by e.relevance desc, e.name collate "C")
      from (
        select * from candidates
        where status <> 'active' or health = 'lost' or agent_id = any (v_exclude)
        order by relevance desc, name collate "C"
        limit 20
      ) as e), '[]'),
    'considered', (select count(*) from candidates))
  into v_answer;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('match_agents', 'agents:read', true);
