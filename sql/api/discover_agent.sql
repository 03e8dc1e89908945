-- Registers the agent that a card describes, or refreshes the one that was discovered by this card's address before.
-- payload: {card_url, name? (else the card's; a known agent keeps its own),
--           card_name, description, framework, capabilities, endpoint, card, verified: signed | unsigned, key_id}
-- answers: the agent, and is_created · locks: the agent · raises: 403 quota_exceeded, 409 agent_name_taken, card_no_longer_signed
create function api.discover_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    constant timestamptz := plane.clock();
  v_source constant jsonb := jsonb_build_object(
    'card', payload -> 'card',
    'source', jsonb_build_object('card_url', payload -> 'card_url', 'verified', payload -> 'verified', 'key_id', payload -> 'key_id'));
  v_before plane.agents;
  v_agent  plane.agents;
begin
  select * into v_before
  from plane.agents
  where org_id = plane.caller_org() and card_url = payload ->> 'card_url' and deleted_at is null
  for no key update;
  if v_before.config -> 'source' ->> 'verified' = 'signed' and payload ->> 'verified' <> 'signed' then
    perform plane.raise_error(409, 'card_no_longer_signed',
      format('The card of the agent %s was signed when it was last read, and is not signed now.', v_before.name),
      'Ask its owner. If that is meant, delete the agent and discover it again.');
  end if;

  if v_before.id is not null then
    update plane.agents as a
    set
      name = coalesce(payload ->> 'name', a.name),
      framework = payload ->> 'framework',
      description = payload ->> 'description',
      capabilities = payload -> 'capabilities',
      endpoint = payload ->> 'endpoint',
      config = a.config || v_source,
      updated_at = v_now
    where a.id = v_before.id
    returning * into v_agent;
  else
    insert into plane.agents
      (org_id, name, framework, description, capabilities, endpoint, config, card_url, last_seen_at, created_at, updated_at)
    values (plane.caller_org(), coalesce(payload ->> 'name', payload ->> 'card_name'), payload ->> 'framework', payload ->> 'description', payload -> 'capabilities',
      payload ->> 'endpoint', v_source, payload ->> 'card_url', v_now, v_now, v_now)
    returning * into v_agent;
    perform plane.check_quota('agents');
  end if;

  perform plane.note_agent_change(v_before, v_agent);
  return plane.agent_json(v_agent) || jsonb_build_object(
    'skills', plane.agent_skills(v_agent.capabilities),
    'is_created', v_before.id is null);
exception
  when unique_violation then
    perform plane.raise_error(409, 'agent_name_taken', format('Another agent is called %s.', coalesce(payload ->> 'name', payload ->> 'card_name')),
      'Give the discovered one another name with `name`.');
    return null;
end;
$$;

insert into gateway.verbs values ('discover_agent', 'agents:write', false);
