-- Counts a model call that the caller's organisation made outside of an execution, so that its budgets see it.
-- p_cost_usd: null: a price that nobody knows · Called by keep_interpretation, put_memory and embed_memories.
create function plane.note_spending(p_cost_usd numeric)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into plane.spent_days as s (org_id, day, workflow_id, cost_usd, calls, unknown_calls)
  values (plane._require_org(), (plane.clock() at time zone 'UTC')::date, '00000000-0000-0000-0000-000000000000',
    greatest(0, coalesce(p_cost_usd, 0)), 1, (p_cost_usd is null)::int)
  on conflict (org_id, day, workflow_id, agent_id) do update
  set
    cost_usd = s.cost_usd + excluded.cost_usd,
    calls = s.calls + excluded.calls,
    unknown_calls = s.unknown_calls + excluded.unknown_calls;
end;
$$;

alter function plane.note_spending(numeric) owner to plane_kernel;
