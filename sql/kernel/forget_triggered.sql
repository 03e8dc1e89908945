-- Deletes a page of what has served its time: deliveries and messages that ended 30 days ago, firings after 90 days.
--
-- p: {limit = 1000} · answers {deleted}. Locks: those rows, skipping what somebody holds.
create function plane.forget_triggered(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 1000);
  v_count   int;
  v_deleted int := 0;
begin
  delete from plane.webhook_deliveries where id in (
    select id from plane.webhook_deliveries
    where ended_at < plane.clock() - interval '30 days'
    limit v_limit for update skip locked);
  get diagnostics v_count = row_count;
  v_deleted := v_deleted + v_count;

  delete from plane.trigger_messages where id in (
    select id from plane.trigger_messages
    where handled_at < plane.clock() - interval '30 days'
    limit v_limit for update skip locked);
  get diagnostics v_count = row_count;
  v_deleted := v_deleted + v_count;

  delete from plane.schedule_firings where id in (
    select id from plane.schedule_firings
    where created_at < plane.clock() - interval '90 days' and outcome <> 'queued' and not is_open
    limit v_limit for update skip locked);
  get diagnostics v_count = row_count;
  return jsonb_build_object('deleted', v_deleted + v_count);
end;
$$;

alter function plane.forget_triggered(jsonb) owner to plane_kernel;
