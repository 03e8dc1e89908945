-- Appends ended steps of a frame. A path that is recorded already is an invariant violation: it is named, the others commit.
--
-- p_records: [{path, parent, kind, status, output, error, attempts, duration_ms, model, provider, input_tokens, output_tokens,
--              cost_usd, is_cost_unknown, details}]
create function plane._record_steps(
  p_frame plane.frames, p_seq bigint, p_records jsonb, out conflicts text[], out written int, out cost numeric)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_paths text[];
begin
  if octet_length(p_records::text) > 2048 then
    perform plane._keep_payloads(p_frame.org_id, p_records);
  end if;

  with added as (
    insert into plane.checkpoints (
      execution_id, gen, path, org_id, frame, parent, kind, status, output, output_ref, error, attempts, duration_ms,
      model, provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, details, seq)
    select
      p_frame.execution_id, p_frame.gen, r.path, p_frame.org_id, p_frame.frame, coalesce(r.parent, ''), r.kind, r.status,
      case when not size.is_large then r.output end,
      case when size.is_large then plane._hash_payload(r.output) end,
      r.error, coalesce(r.attempts, 1), coalesce(r.duration_ms, 0)::bigint,
      r.model, r.provider, r.input_tokens, r.output_tokens, r.cost_usd, coalesce(r.is_cost_unknown, false), r.details, p_seq
    from jsonb_to_recordset(p_records) as r (
      path text, parent text, kind text, status text, output jsonb, error jsonb, attempts int, duration_ms numeric,
      model text, provider text, input_tokens bigint, output_tokens bigint, cost_usd numeric, is_cost_unknown boolean, details jsonb)
    cross join lateral (select coalesce(octet_length(r.output::text) > 2048, false) as is_large) as size
    on conflict do nothing
    returning path, cost_usd
  )
  select coalesce(array_agg(added.path), '{}'), count(*), coalesce(sum(added.cost_usd), 0) into v_paths, written, cost
  from added;

  conflicts := '{}';
  if written < jsonb_array_length(p_records) then
    select coalesce(array_agg(path), '{}') into conflicts
    from (
      select r ->> 'path' as path, row_number() over (partition by r ->> 'path' order by ord) as copy
      from jsonb_array_elements(p_records) with ordinality as e (r, ord)
    ) as sent
    where copy > 1 or path <> all (v_paths);
  end if;
end;
$$;
