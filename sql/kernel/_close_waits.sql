-- Closes waits that an owner needs no more, and asks what lives below them to stop. Answers the doorbells.
-- A shards or child wait may be answered already: a failed group stops its rest this way.
-- The caller holds the frame and what is deeper.
create function plane._close_waits(p_frame plane.frames, p_tokens jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tokens text[];
begin
  select array_agg(value) into v_tokens from jsonb_array_elements_text(p_tokens);
  perform plane._answer_wait(p_frame.execution_id, token, 'cancelled', null) from unnest(v_tokens) as token;
  return plane._cancel_below(p_frame, v_tokens);
end;
$$;
