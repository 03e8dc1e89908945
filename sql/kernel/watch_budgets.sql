-- Looks after budgets: tells when one is nearly or wholly spent, asks a person where it says so, and does what the person answered.
--
-- p: {limit = 200, org_id?} · answers {due: [doorbell]}: of paid steps that waited for a budget which has money again
-- Each event once a period, and again after each raise. Any number may run.
-- Locks: budgets, skipping those that somebody changes; then frames, waits, escalations.
create function plane.watch_budgets(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org   uuid;
  v_state jsonb;
  v_due   jsonb := '[]';
begin
  for v_org in
    select b.org_id from plane.budgets as b
    where (p ->> 'org_id') is null or b.org_id = (p ->> 'org_id')::uuid
    group by b.org_id order by min(b.watched_at), b.org_id limit coalesce((p ->> 'limit')::int, 200)
  loop
    for v_state in select s from jsonb_array_elements(plane.budget_states(v_org)) as s loop
      v_due := v_due || plane._watch_budget(v_org, v_state);
    end loop;
    update plane.budgets set watched_at = plane.clock()
    where id in (select id from plane.budgets where org_id = v_org for no key update skip locked);
  end loop;
  return jsonb_build_object('due', v_due);
end;
$$;

alter function plane.watch_budgets(jsonb) owner to plane_kernel;
