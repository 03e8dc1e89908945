-- Closes the question whose deadline has passed longest, with the outcome that it names for that; one a call, so that no two
-- organisations' waits are ever held together. Questions that a wait is bound to are closed with it.
--
-- p: {} · answers {id, due: [doorbell]}; id null: there is none. Called by the chore escalations.
-- Locks: the topic of escalation.resolved, the escalation, the frames that wait for it.
create function plane.time_out_escalation(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found  plane.escalations;
  v_closed plane.escalations;
begin
  perform plane._check_isolation();
  select * into v_found
  from plane.escalations
  where deadline <= plane.clock() and status in ('open', 'claimed') and wait_token is null and kind <> 'budget'
  order by deadline
  limit 1;
  if not found then
    return jsonb_build_object('id', null, 'due', '[]'::jsonb);
  end if;

  perform plane._lock_topics(array[v_found.org_id || '/escalation.resolved']);
  v_closed := plane._close_escalation(v_found.id, 'timed_out', v_found.on_timeout);
  if v_closed.id is null then -- answered meanwhile
    return jsonb_build_object('id', v_found.id, 'due', '[]'::jsonb);
  end if;
  return jsonb_build_object('id', v_found.id)
    || plane._answer_event_waits(v_closed.org_id, 'escalation.resolved', plane._decision_of(v_closed));
end;
$$;

alter function plane.time_out_escalation(jsonb) owner to plane_kernel;
