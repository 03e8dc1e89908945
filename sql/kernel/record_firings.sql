-- Notes what became of the times of a schedule that have come, and when the next one is, for who still holds the claim.
--
-- p: {id, claim_ref, fires: [{fire_at, version_id, input} | {fire_at, error: {code, message}}],
--     skipped: {fire_at, until, count} | null: what was missed, next_fire_at, due_at: both null when it never fires again}
-- Answers {ok, due: [doorbell]}; {ok: false, reason: stale} when the claim is another's or the schedule was changed meanwhile.
-- Each time of a schedule happens once, whoever says it. Locks: the schedule, then what cancel_execution locks.
create function plane.record_firings(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_missed   constant jsonb := nullif(p -> 'skipped', 'null');
  v_schedule plane.schedules;
  v_fire     jsonb;
  v_due      jsonb := '[]';
begin
  perform plane._check_isolation();
  select * into v_schedule
  from plane.schedules
  where id = (p ->> 'id')::uuid and claim_ref = (p ->> 'claim_ref')::uuid and status = 'active'
  for no key update;
  if v_schedule.id is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  if v_missed is not null then
    perform plane._skip_firing(v_schedule, 'missed', (v_missed ->> 'fire_at')::timestamptz,
      (v_missed ->> 'until')::timestamptz, (v_missed ->> 'count')::int);
  end if;
  for v_fire in select * from jsonb_array_elements(p -> 'fires') loop
    v_due := v_due || plane._fire_schedule(v_schedule, v_fire);
  end loop;
  update plane.schedules
  set
    status = case when p ->> 'due_at' is null then 'ended' else 'active' end,
    next_fire_at = (p ->> 'next_fire_at')::timestamptz,
    due_at = (p ->> 'due_at')::timestamptz,
    last_fire_at = coalesce((p -> 'fires' -> -1 ->> 'fire_at')::timestamptz, last_fire_at),
    claim_ref = null
  where id = v_schedule.id;
  return jsonb_build_object('ok', true, 'due', v_due);
end;
$$;

alter function plane.record_firings(jsonb) owner to plane_kernel;
