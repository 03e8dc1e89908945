-- Takes a call that names an agent in its header as a sign of life; never waits for a lock, writes at most every five seconds.
-- payload: {agent: id or name} · answers: {id: null when there is no such agent}
create function api.note_agent_seen(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := plane.agent_of(payload ->> 'agent');
begin
  perform plane.note_agent(v_id);
  return jsonb_build_object('id', v_id);
end;
$$;

insert into gateway.verbs values ('note_agent_seen', '', false);
