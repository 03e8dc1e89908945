-- The one update of a frame in a checkpoint. due_at is indexed: while it runs it moves only when less than a third of the lease
-- is left, so that updates stay HOT. Who parks, chains or ends leaves no claim behind.
create function plane._write_frame(p_frame plane.frames, p jsonb, p_step jsonb, p_written int)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     constant timestamptz := plane.clock();
  v_lease   constant interval := coalesce((p ->> 'lease_seconds')::numeric, 30) * interval '1 second';
  v_status  constant text := p_step ->> 'status';
  v_is_news constant boolean := p_written > 0 or v_status in ('waiting', 'done') or jsonb_array_length(p -> 'open') > 0;
  v_frame   plane.frames;
begin
  update plane.frames
  set
    seq = p_frame.seq + 1,
    status = v_status,
    due_at = case v_status
      when 'ready' then v_now + interval '2 seconds'
      when 'waiting' then (p_step ->> 'due_at')::timestamptz
      when 'done' then v_now + interval '10 minutes'
      else case when status = 'running' and due_at > v_now + v_lease / 3 then due_at else v_now + v_lease end
    end,
    claim_ref = case when v_status = 'running' then claim_ref end,
    owner = case when v_status = 'running' then owner end,
    in_flight = coalesce(p -> 'in_flight', in_flight),
    stall = case when v_is_news then 0 else stall end,
    idle_claims = case when p_written > 0 or jsonb_array_length(p -> 'open') > 0 then 0 else idle_claims end,
    dispatches = 0,
    records = records + p_written,
    spent_usd = p_frame.spent_usd,
    has_answers = false,
    last_checkpoint = p_step
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;
