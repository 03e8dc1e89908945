-- Takes schedules that are due, for a while: the caller works out what should have fired and says so to record_firings.
--
-- p: {limit = 20, lease_seconds = 30}
-- Answers {now, schedules: [{id, claim_ref, org_id, name, cron, timezone, catch_up, max_catch_up, jitter_seconds, starts_at, ends_at,
--   next_fire_at, last_fire_at, input, workflow, version_id}], documents: {version_id: document}}.
-- Locks: schedules, skipping those that somebody takes.
create function plane.claim_schedules(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    constant timestamptz := plane.clock();
  v_until  constant timestamptz := v_now + coalesce((p ->> 'lease_seconds')::float8, 30) * interval '1 second';
  v_answer jsonb;
begin
  perform plane._check_isolation();
  with due as (
    select s.id
    from plane.schedules as s
    where s.due_at <= v_now
    order by s.due_at
    limit coalesce((p ->> 'limit')::int, 20)
    for no key update skip locked
  ),
  claimed as (
    update plane.schedules as s
    set claim_ref = gen_random_uuid(), due_at = v_until
    from due
    where s.id = due.id
    returning s.id, s.claim_ref
  ),
  found as (
    select s as schedule, c.claim_ref, v.id as version_id, v.document -- s: as it was before, but for the claim
    from claimed as c
    join plane.schedules as s on s.id = c.id
    left join lateral plane._find_target(s.org_id, s.workflow, s.version) as v on true
  )
  select jsonb_build_object(
    'now', plane.time_text(v_now),
    'schedules', coalesce(jsonb_agg(plane.schedule_json(f.schedule) || jsonb_build_object(
      'claim_ref', f.claim_ref, 'org_id', (f.schedule).org_id, 'version_id', f.version_id)), '[]'),
    'documents', coalesce(jsonb_object_agg(f.version_id, f.document) filter (where f.version_id is not null), '{}'))
  into v_answer
  from found as f;
  return v_answer;
end;
$$;

alter function plane.claim_schedules(jsonb) owner to plane_kernel;
