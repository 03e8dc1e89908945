-- Gives a claimed hand-off back, so that another may take it; the last of its attempts buries it.
-- payload: {id, token, reason?} · answers: the hand-off, and due: doorbells of the step that waited for a dead one
-- raises: as extend_handoff
create function api.release_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
begin
  perform plane.require_claim(v_handoff, payload ->> 'token', 'released');
  perform plane.note_handoff(v_handoff, 'release_handoff', 'released', jsonb_build_object('reason', left(payload ->> 'reason', 500)));
  v_handoff := plane.give_back_handoff(v_handoff.id, coalesce(payload ->> 'reason', 'The agent gave it back.'));
  return plane.handoff_json(v_handoff) || jsonb_build_object('due', plane.settle_handoff(v_handoff.id));
end;
$$;

insert into gateway.verbs values ('release_handoff', 'handoffs:write', false);
