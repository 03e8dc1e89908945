-- Takes back the hand-off of a wait that was closed in this transaction; one that ended by itself stays as it is.
-- Locks: the hand-off; the caller holds the frame.
create function plane._close_handoff_of(p_wait plane.waits)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs;
begin
  update plane.handoffs
  set
    status = 'cancelled',
    token_hash = null,
    lease_until = null,
    error = jsonb_build_object(
      'code', p_wait.outcome,
      'message', case p_wait.outcome when 'timed_out' then 'The step that waits for it ran out of time.' else 'The step that waited for it has ended.' end),
    updated_at = plane.clock(),
    completed_at = plane.clock()
  where execution_id = p_wait.execution_id and wait_token = p_wait.token and status in ('pending', 'claimed', 'accepted')
  returning * into v_handoff;
  if found then
    perform plane._note_handoff(v_handoff, 'cancelled');
  end if;
end;
$$;
