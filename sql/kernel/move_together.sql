-- Writes checkpoints and makes claims of different frames in one statement and one commit: those that are nothing special.
--
-- p: {checkpoints: [p of plane.checkpoint], claims: [p of plane.claim]}, no frame twice
-- Answers {checkpoints: [answer | null], claims: [answer | null]}; null: nothing happened, send that call by itself.
-- Locks: frames, skipping those that somebody holds. It never waits, so neither order nor overlap matters.
create function plane.move_together(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_checkpoints jsonb := '[]';
  v_claims      jsonb := '[]';
begin
  perform plane._check_isolation();
  if p -> 'checkpoints' <> '[]' then
    v_checkpoints := plane._plain_checkpoints(p -> 'checkpoints');
  end if;
  if p -> 'claims' <> '[]' then
    v_claims := plane._plain_claims(p -> 'claims');
  end if;
  return jsonb_build_object('checkpoints', v_checkpoints, 'claims', v_claims);
end;
$$;

alter function plane.move_together(jsonb) owner to plane_kernel;
