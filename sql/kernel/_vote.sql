-- Adds the caller's vote to an approval with a quorum; a key has one vote, its last. Null when the approval is closed.
-- Answers the payload, with missing: how many more keys must say the same. The caller holds the frame.
create function plane._vote(p_wait plane.waits, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_votes jsonb;
  v_same  jsonb;
begin
  update plane.waits as w
  set votes = (
    select coalesce(jsonb_agg(vote), '[]')
    from jsonb_array_elements(w.votes) as vote
    where vote -> 'decided_by' <> p_payload -> 'decided_by') || jsonb_build_array(p_payload)
  where w.execution_id = p_wait.execution_id and w.token = p_wait.token and w.answered_at is null
  returning w.votes into v_votes;
  if not found then
    return null;
  end if;
  select jsonb_agg(vote -> 'decided_by') into v_same
  from jsonb_array_elements(v_votes) as vote
  where vote -> 'outcome' = p_payload -> 'outcome';
  return p_payload || jsonb_build_object(
    'votes', v_same,
    'missing', greatest(0, (p_wait.data ->> 'quorum')::int - jsonb_array_length(v_same)));
end;
$$;
