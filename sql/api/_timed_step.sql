-- The record of an ended external step with its times: one that was reported to run began then, unless the last report says when.
-- p_step: as report_step takes it · p_begun: when it was reported to run, or null
-- called by: report_step
create function plane.timed_step(p_step jsonb, p_begun timestamptz)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_said    constant timestamptz := (p_step -> 'details' ->> 'ended_at')::timestamptz;
  v_ended   constant timestamptz := coalesce(v_said, plane.clock());
  v_started constant timestamptz := coalesce((p_step -> 'details' ->> 'started_at')::timestamptz, least(p_begun, v_ended));
begin
  return p_step || jsonb_build_object(
    'duration_ms', coalesce(greatest(0, 1000 * extract(epoch from v_ended - v_started)), 0),
    'details', p_step -> 'details' || jsonb_strip_nulls(jsonb_build_object(
      'started_at', plane.time_text(v_started), 'ended_at', plane.time_text(v_said))));
end;
$$;
