-- Whether a frame has used up its slice: start nothing new.
create function plane._over_budget(p_frame plane.frames)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_frame.spent_usd >= p_frame.budget_usd and p_frame.spent_usd > 0, false);
end;
$$;
