-- Keeps for a day what was read with a model's help. payload: {hash: hex, answer, model, cost_usd: text | null} · answers: {}
create function api.keep_interpretation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into plane.interpretations as i (org_id, hash, answer, model, cost_usd, expires_at)
  values (plane.caller_org(), decode(payload ->> 'hash', 'hex'), payload -> 'answer', payload ->> 'model',
    (payload ->> 'cost_usd')::numeric, plane.clock() + interval '1 day')
  on conflict (org_id, hash) do update
  set answer = excluded.answer, model = excluded.model, cost_usd = excluded.cost_usd, expires_at = excluded.expires_at;
  perform plane.note_spending((payload ->> 'cost_usd')::numeric);
  perform plane.record_audit('keep_interpretation', 'interpretations', payload ->> 'hash',
    jsonb_build_object('model', payload -> 'model', 'cost_usd', payload -> 'cost_usd'));
  return '{}';
end;
$$;

insert into gateway.verbs values ('keep_interpretation', 'interpret:run', false);
