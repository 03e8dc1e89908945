-- How much each share of a match counts: the given weights over the usual ones, only for what was asked, together 1.
-- called by: match_agents · raises: 422 invalid_weights when all that count are 0
create function plane.match_weights(p_need jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_usual   constant jsonb := '{"skill": 0.3, "text": 0.2, "tag": 0.1, "schema": 0.1,
    "health": 0.08, "success": 0.1, "latency": 0.04, "cost": 0.04, "load": 0.04}';
  v_weights jsonb := c_usual || coalesce(nullif(p_need -> 'weights', 'null'), '{}');
  v_sum     numeric;
begin
  v_weights := v_weights - array_remove(array[
    case when coalesce(jsonb_array_length(p_need -> 'skills'), 0) = 0 then 'skill' end,
    case when coalesce(jsonb_array_length(p_need -> 'tags'), 0) = 0 then 'tag' end,
    case when coalesce(btrim(p_need ->> 'need'), '') = '' then 'text' end,
    case when coalesce(p_need -> 'input', p_need -> 'input_schema') is null then 'schema' end], null);
  select sum(w.value::numeric) into v_sum from jsonb_each_text(v_weights) as w;
  if v_sum <= 0 then
    perform plane.raise_error(422, 'invalid_weights', 'All weights of what counts here are 0.', 'Give at least one of them a positive weight.');
  end if;
  return (select jsonb_object_agg(w.key, round(w.value::numeric / v_sum, 4)) from jsonb_each_text(v_weights) as w);
end;
$$;
