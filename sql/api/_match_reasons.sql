-- Why an agent stands where it stands, in words. p_hits: what of the need it answers · p_match: the figures that its shares are made of
-- called by: match_agents
create function plane.match_reasons(p_hits jsonb, p_match jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_done    constant int := coalesce((p_match ->> 'succeeded')::int, 0) + coalesce((p_match ->> 'failed')::int, 0);
  v_fit     constant numeric := (p_match -> 'shares' ->> 'schema')::numeric;
  v_reasons text[];
begin
  select array_agg(
    case when h ->> 'asked' = h ->> 'term' then format('has the %s %s', h ->> 'kind', h ->> 'term')
      else format('has the %s %s, which is close to %s', h ->> 'kind', h ->> 'term', h ->> 'asked') end order by place)
  into v_reasons
  from jsonb_array_elements(p_hits) with ordinality as t (h, place)
  where h ->> 'kind' in ('skill', 'tag');

  v_reasons := v_reasons || (
    select 'says ' || string_agg(
      case when h ->> 'asked' = h ->> 'term' then h ->> 'term' else format('%s (for %s)', h ->> 'term', h ->> 'asked') end, ', ' order by place)
    from jsonb_array_elements(p_hits) with ordinality as t (h, place)
    where h ->> 'kind' = 'word');
  v_reasons := v_reasons || array[
    case
      when v_fit = 1 then 'takes the input as it is'
      when v_fit > 0 then format('fits %s %% of the input', round(100 * v_fit))
      when v_fit = 0 then 'does not take this input' end,
    case when p_match ->> 'health' = 'late' then format('is late: last seen %s', p_match ->> 'last_seen_at') end,
    case when v_done = 0 then 'has no record yet' else format('%s of its last %s pieces of work succeeded', p_match ->> 'succeeded', v_done) end,
    case when p_match ->> 'p50_ms' is not null then format('usually takes %s s', round((p_match ->> 'p50_ms')::numeric / 1000, 1)) end,
    case when p_match ->> 'mean_usd' is not null then format('costs %s USD on average', round((p_match ->> 'mean_usd')::numeric, 4)) end,
    case when (p_match ->> 'open_work')::int > 0 then format('has %s open', p_match ->> 'open_work') end];
  return to_jsonb(array_remove(v_reasons, null));
end;
$$;
