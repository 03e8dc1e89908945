-- Adds the caller's vote to an approval with a quorum; a person has one vote, their last. The caller holds the frame, the wait and
-- its escalation. Answers the payload, with missing: how many more must say the same.
create function plane._vote(p_wait plane.waits, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_votes jsonb;
begin
  update plane.waits as w
  set votes = plane._with_vote(w.votes, p_payload)
  where w.execution_id = p_wait.execution_id and w.token = p_wait.token
  returning w.votes into v_votes;
  update plane.escalations
  set votes = plane._shown_votes(v_votes)
  where execution_id = p_wait.execution_id and wait_token = p_wait.token;
  return p_payload || plane._count_votes(v_votes, p_payload ->> 'outcome', (p_wait.data ->> 'quorum')::int);
end;
$$;
