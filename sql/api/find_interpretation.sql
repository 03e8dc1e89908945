-- What was read of the same data for the same question before. payload: {hash: hex} · answers: {answer} or null
create function api.find_interpretation(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object('answer', i.answer)
    from plane.interpretations as i
    where i.org_id = plane.caller_org() and i.hash = decode(payload ->> 'hash', 'hex') and i.expires_at > plane.clock());
end;
$$;

insert into gateway.verbs values ('find_interpretation', 'interpret:run', true);
