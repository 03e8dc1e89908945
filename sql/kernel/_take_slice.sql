-- Moves p_parts slices out of a frame's budget for what it opens below: each gets the rest / (p_parts + 1), at most p_most.
-- Answers one slice; null when the frame has no limit. _count_down returns what is left of it. The caller holds the frame.
create function plane._take_slice(p_execution_id uuid, p_frame text, p_parts int, p_most numeric default null)
returns numeric
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slice numeric;
begin
  select least(trunc(greatest(budget_usd - spent_usd, 0) / (p_parts + 1), 9), p_most) into v_slice
  from plane.frames
  where execution_id = p_execution_id and frame = p_frame and budget_usd is not null;
  update plane.frames
  set budget_usd = budget_usd - p_parts * v_slice
  where execution_id = p_execution_id and frame = p_frame and v_slice is not null;
  return v_slice;
end;
$$;
