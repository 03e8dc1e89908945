-- Returns hand-offs whose lease ran out, and buries those that are dead by it or by their deadline. A page at a time.
--
-- p: {limit = 100} · answers {expired, due: [doorbell], next_in_ms}. Called by the chore; any number may run at once.
-- Locks: a step's frame, then the hand-off, skipping what somebody holds: that is looked at by who holds it, or next time.
create function plane.expire_handoffs(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found   plane.handoffs;
  v_handoff plane.handoffs;
  v_expired int := 0;
  v_due     jsonb := '[]';
begin
  perform plane._check_isolation();
  for v_found in
    (select * from plane.handoffs where status = 'claimed' and lease_until <= plane.clock() order by lease_until limit (p ->> 'limit')::int)
    union
    (
      select *
      from plane.handoffs
      where status in ('pending', 'claimed', 'accepted') and deadline_at <= plane.clock()
      order by deadline_at
      limit (p ->> 'limit')::int
    )
  loop
    continue when v_found.wait_token is not null and not plane._hold_frame_of_handoff(v_found, false);
    select * into v_handoff from plane.handoffs where id = v_found.id for no key update skip locked;
    continue when not found;
    v_found := plane._lapse_handoff(v_handoff);
    v_expired := v_expired + (v_found.status <> v_handoff.status)::int;
    v_due := v_due || plane._settle_handoff(v_found);
  end loop;
  return jsonb_build_object('expired', v_expired, 'due', v_due, 'next_in_ms', plane._ms_until(
    (select min(lease_until) from plane.handoffs where status = 'claimed')));
end;
$$;

alter function plane.expire_handoffs(jsonb) owner to plane_kernel;
