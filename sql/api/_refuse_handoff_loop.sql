-- Refuses a hand-off that goes round in circles: the way p_from -> p_to was gone before in its chain, or the chain is too long.
-- One step back (A -> B -> A) is fine, the same way again (A -> B -> A -> B) is not. p_hops: of the new one.
-- raises: 409 handoff_loop, handoff_too_long
create function plane.refuse_handoff_loop(p_parent_id uuid, p_from uuid, p_to uuid, p_hops int)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant int := 10;
  v_way  jsonb;
begin
  if p_parent_id is null then
    return;
  elsif p_hops > v_most then
    perform plane.raise_error(409, 'handoff_too_long', format('The work was handed on %s times already.', v_most),
      'Do it, complete the hand-off with what you have, or ask a person.', jsonb_build_object('max_hops', v_most));
  end if;
  with recursive above as (
    select h.* from plane.handoffs as h where h.id = p_parent_id and h.org_id = plane.caller_org()
    union all
    select h.* from plane.handoffs as h join above on h.id = above.parent_id and h.org_id = above.org_id
  )
  select jsonb_agg(jsonb_build_object('id', id, 'from_agent_id', from_agent_id, 'to_agent_id', coalesce(to_agent_id, agent_id)) order by hops)
  into v_way
  from above;
  if exists (
    select from jsonb_array_elements(v_way) as way
    where (way ->> 'from_agent_id')::uuid = p_from and (way ->> 'to_agent_id')::uuid = p_to)
  then
    perform plane.raise_error(409, 'handoff_loop',
      format('The work went from %s to %s before in this chain: it goes round in circles.',
        (select name from plane.agents where id = p_from), (select name from plane.agents where id = p_to)),
      'Do it, hand it to an agent that has not had it, complete it with what you have, or ask a person.',
      jsonb_build_object('chain', v_way));
  end if;
end;
$$;
